import type { ForwardingView } from '../forwarding/view.ts'

/** Whether packets went on flowing while this speaker was away; `unknown`: the kernel has not been asked yet. */
export type ForwardingPreserved = boolean | 'unknown'

/**
 * What the F bit of RFC 4724 3 may honestly say after a start. Where forwarding is ours it survived when the kernel
 * still had it; where another proxy does it, or nobody, it did unless the node itself has started since the peer began
 * to wait for us.
 * @param uptime of the node, milliseconds
 * @param restartTime how long a peer keeps routes, milliseconds
 */
export function forwardingPreserved(
  { forwarding, adopted }: Pick<ForwardingView, 'forwarding' | 'adopted'>,
  uptime: number,
  restartTime: number,
): ForwardingPreserved {
  return forwarding ? (adopted ?? 'unknown') : uptime > restartTime
}

/** What is known when forwarding asks whether it may. */
export interface Coexistence {
  readonly mode: 'full' | 'off'
  /** `--force-forwarding` */
  readonly forced: boolean
  /** other proxies in words, '' when there is none */
  readonly foreign: string
  /** this process has programmed something, or something of ours was there when it began */
  readonly everProgrammed: boolean
}

export interface ForwardingDecision {
  readonly forward: boolean
  /** what a person should know; '' when there is nothing to say */
  readonly reason: string
}

/**
 * Whether forwarding is ours to do beside what else was found on this node.
 *
 * One forwarder of two that both work does no harm: the first that translates a connection has it. One that stands
 * still does, because its elements lead to endpoints that are gone. So where nothing of ours is in the kernel we stay
 * out of it, and begin when the other is gone. Where something of ours is, from this process or from one before it, it
 * is kept up to date whoever else has come: left alone it would be the one that stands still, and taking it away could
 * end connections that work. The way back to another proxy is an explicit one: forwarding off, then cleanup.
 */
export function forwardingDecision({
  mode,
  forced,
  foreign,
  everProgrammed,
}: Coexistence): ForwardingDecision {
  if (mode === 'off') return { forward: false, reason: 'forwarding is off' }
  if (foreign === '') return { forward: true, reason: '' }
  const there = `another service proxy, or what it left behind, is on this node: ${foreign}`
  if (forced) return { forward: true, reason: `${there}. Forwarding goes on beside it: it is forced` }
  if (everProgrammed) {
    return {
      forward: true,
      reason: `${there}. Forwarding goes on beside it: its own rules were in the kernel already`,
    }
  }
  return {
    forward: false,
    reason: `${there}. Forwarding begins by itself when that is gone, or at once with --force-forwarding`,
  }
}

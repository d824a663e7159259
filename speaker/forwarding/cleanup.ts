import { SystemError } from '#raw-socket/errors.ts'
import type { Dataplane } from './dataplane.ts'
import { ForwardingError } from './errors.ts'
import { KernelDataplane } from './nft/kernel-dataplane.ts'
import { forwardingSpeakers } from './running-speakers.ts'

/**
 * Takes everything that forwarding put into this network namespace away: its tables with all that is in them. For
 * `fairlead forwarding cleanup`, when the speaker is gone or forwards no more. Gives lines for a person: what was
 * removed, what stays, and who will put it back.
 * @throws ForwardingError FL_FORWARDING_KERNEL, also without the right to; FL_FORWARDING_INSTALL
 */
export async function cleanup(
  open: () => Dataplane = () => new KernelDataplane(),
  speakers: () => readonly number[] = forwardingSpeakers,
): Promise<readonly string[]> {
  try {
    const dataplane = open()
    try {
      return report(await dataplane.remove(), speakers())
    } finally {
      dataplane.close()
    }
  } catch (error) {
    throw isDenied(error) ? new ForwardingError('FL_FORWARDING_KERNEL', DENIED, { cause: error }) : error
  }
}

const DENIED =
  'the kernel does not let this process remove rules: run it as root on the node, or in the pod of its speaker ' +
  '(the capability CAP_NET_ADMIN is needed)'

function report(removed: readonly string[], speakers: readonly number[]): readonly string[] {
  const lines =
    removed.length === 0
      ? ['there was nothing of ours']
      : [
          `removed ${removed.join(', ')}`,
          'connections that were translated go on while something else on this node translates addresses, such as ' +
            'a network plugin that masquerades or another proxy; without that they end',
          'kernel settings (sysctls) that forwarding raised stay as they are',
        ]
  if (speakers.length === 0) return lines
  const who = `a speaker that forwards runs here (process ${speakers.join(', ')})`
  return [
    ...lines,
    `${who} and puts its rules back within seconds: stop it, or turn its forwarding off, first`,
  ]
}

const isDenied = (error: unknown): boolean =>
  error instanceof SystemError
    ? error.errnoName === 'EPERM'
    : error instanceof ForwardingError && isDenied(error.cause)

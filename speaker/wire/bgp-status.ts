import type { SessionStatus } from '#bgp-ts/status.ts'
import { formatAddress } from '#inet/address.ts'
import type { WirePeer } from './protocol.ts'

/** Graceful restart with routes that the peer has: it goes on using them while we are away. */
export const keepsRoutes = ({ state, negotiated, announced }: SessionStatus): boolean =>
  state === 'Established' &&
  negotiated?.gracefulRestart !== undefined &&
  Object.values(announced).some((count) => count > 0)

export interface Told {
  readonly config: WirePeer
  readonly blocked: SessionStatus['lastError'] | undefined
  /** what the kernel's counters say about the attempt that ran out of time `at` */
  readonly signatures: { readonly at: number; readonly words: string } | undefined
}

/**
 * As main gets it: an unnumbered peer by its interface, why a session must not connect in place of how it ended, and
 * signatures that did not fit.
 */
export function toldStatus(status: SessionStatus, { config, blocked, signatures }: Told): SessionStatus {
  const lastError = blocked ?? withSignatures(status.lastError, signatures)
  return {
    ...status,
    ...(config.unnumbered && { endpoint: unnumberedEndpoint(config) }),
    ...(lastError && { lastError }),
  }
}

function withSignatures(error: SessionStatus['lastError'], signatures: Told['signatures']): typeof error {
  if (error === undefined || error.at !== signatures?.at || signatures.words === '') return error
  return { ...error, text: `${error.text}; ${signatures.words}` }
}

/** Two routers may have one link-local address, so the interface belongs to it. */
const unnumberedEndpoint = ({ address, device, port }: WirePeer): string =>
  address.value === 0n ? `${device}:${port}` : `[${formatAddress(address)}%${device}]:${port}`

/** What a change of is told at once: everything but counts, which may move many times a second. */
export const essence = ({
  counters: _counters,
  announced: _announced,
  pending: _pending,
  ...rest
}: SessionStatus): string => JSON.stringify(rest)

import type { Drain } from '../drain/drain.ts'
import type { Forwarder } from '../forwarding/forwarder.ts'
import type { WireState } from '../wire-state.ts'
import { heldPart, interfacesPart, neighborsPart } from './layer2-part.ts'
import type { AddressProblems } from './problems.ts'
import type { SpeakerState } from './speaker-status.ts'

export interface NodeStateParts {
  readonly node: string
  readonly wire: WireState
  readonly forwarder: Pick<Forwarder, 'view'>
  readonly problems: AddressProblems
  readonly drain: Drain
}

/** What a SpeakerStatus says, from everything that this speaker knows. */
export function nodeState(
  { node, wire, forwarder, problems, drain }: NodeStateParts,
  { ok, reason }: { readonly ok: boolean; readonly reason: string },
  leaving: boolean,
  now: number,
): SpeakerState {
  const forwarding = forwarder.view()
  const { layer2 } = wire
  const { phase, reason: drainReason } = drain.state
  return {
    node,
    interfaces: interfacesPart(wire.interfaces),
    ...wire.bgp.report(),
    ...heldPart(layer2.holders()),
    problems: problems.list(now),
    ...neighborsPart(layer2.neighbors, (name) => layer2.hasFailed(name)),
    forwarding: {
      mode: forwarding.mode === 'full' && !forwarding.forwarding ? 'standby' : forwarding.mode,
      synced: hasForwarded(forwarder) && forwarding.lastError === undefined,
      generation: forwarding.generation,
      reason: forwarding.mode === 'off' ? '' : forwarding.reason,
    },
    ready: { ok, reason: leaving ? 'Leaving' : ok ? 'Ready' : 'Starting', message: reason },
    drain: { phase, reason: drainReason },
  }
}

/** Was in the kernel once: a change that is on its way must not make other speakers take over. */
export function hasForwarded(forwarder: Pick<Forwarder, 'view'>): boolean {
  const { forwarding, lastSync } = forwarder.view()
  return !forwarding || lastSync > 0
}

import type { WireHolder } from '../wire/protocol.ts'
import type { Layer2Happening, SilenceReason } from './errors.ts'
import { macText } from './ethernet.ts'
import type { State } from './fsm.ts'
import type { Standing } from './standing.ts'
import { answers, type Entry } from './table.ts'

/**
 * What is told of an address: who holds it as far as this node knows, and whether and where it answers itself. The
 * same object as before when nothing of it changed.
 * @param node the name of this node
 */
export function holderOf(entry: Entry, node: string, on: Standing, now: number): WireHolder {
  const { told, belief, interfaces, address } = entry
  const held = answers(entry)
  const holder = held ? node : (on.holder ?? on.elected ?? '')
  const reason = reasonOf(entry)
  const names = held ? interfaces.map(({ name }) => name) : []
  const moved = told === undefined || told.holder !== holder || told.held !== held
  const foreignMac =
    reason === 'addressInUse' && belief.foreign !== undefined ? macText(belief.foreign.mac) : undefined
  const next: WireHolder = {
    address,
    holder,
    held,
    since: moved ? now : told.since,
    interfaces: names,
    reason: held ? '' : reason,
    ...(foreignMac !== undefined && { foreignMac }),
  }
  return !moved && same(told, next) ? told : next
}

/** An address that is tried again now and then keeps its reason meanwhile. */
function reasonOf({ state, belief }: Entry): SilenceReason {
  if (state.at === 'silent') return state.reason
  if (state.at !== 'claiming') return 'notServed'
  if (belief.foreign !== undefined) return 'addressInUse'
  return belief.deferred > 0 ? 'notOwner' : 'claiming'
}

/** What a change of state is told as, if it is. What led to it is told by whoever knows. */
export function changeOf(entry: Entry, before: State): [Layer2Happening | undefined, { cause?: string }] {
  const { state } = entry
  if (state.at === before.at) return [undefined, {}]
  if (state.at === 'claiming') return [isRetry(entry) ? undefined : 'claiming', {}]
  if (state.at === 'handingOver') return ['handingOver', {}]
  const ended = state.at === 'silent' && before.at !== 'claiming'
  return ended ? ['silent', { cause: state.reason }] : [undefined, {}]
}

/** It was tried before, and that was told. */
export const isRetry = ({ belief }: Entry): boolean => belief.foreign !== undefined || belief.deferred > 1

const same = (a: WireHolder, b: WireHolder): boolean =>
  a.reason === b.reason && a.foreignMac === b.foreignMac && a.interfaces.join('/') === b.interfaces.join('/')

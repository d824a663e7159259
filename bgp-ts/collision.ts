/**
 * The two connections that a peer can have at a time when both sides open one (RFC 4271 6.8), as a pure function over
 * two state machines of `fsm.ts`. `primary` opens our own connection, with all its waits; a connection that the peer
 * opens comes in as `second` and stays that until its OPEN says whose it is. Then one of the two remains:
 *
 *      primary          good OPEN on second
 *      Idle             (there is no second)
 *      Connect, Active  second takes over
 *      OpenSent         the one of the larger identifier stays; but not a primary that is silent
 *      OpenConfirm      the one of the larger identifier stays
 *      Established      primary stays; or, with graceful restart, second takes over
 *
 * With the OPEN on a primary in OpenSent it is the same: second takes over if it is of the larger identifier and not
 * silent. To decide then, as 6.8 allows, and not when the other OPEN comes, keeps a KEEPALIVE from bringing the losing
 * connection up on the side of the peer, which would end the winning one there. The one that does not stay gets 6/7.
 * A silent one waits, gets 6/7 when the other is Established, and takes over when the other fails.
 */
import type {
  Action,
  FsmConfig,
  FsmState,
  Input,
  PeerAction,
  PeerInput,
  PeerState,
  PeerStep,
  Place,
  Step,
} from './events.ts'
import { step } from './fsm.ts'
import { connectionTimers, hasConnection, initialState } from './transitions.ts'
import { ceaseMessage } from './wire/notification.ts'

export const initialPeer = (config: FsmConfig): PeerState => ({ primary: initialState(config) })

/** RFC 4486 */
const rejected = 5
const collision = 7

export function stepPeer(state: PeerState, input: PeerInput, now: number): PeerStep {
  if (input.on === 'peer') return wholePeer(state, input, now)
  if (input.on === 'second' && input.kind === 'tcpConnected') return accept(state, now)
  return one(state, input.on, input, now)
}

const tagged = (on: Place, actions: readonly Action[]): PeerAction[] =>
  actions.map((action) => ({ on, ...action }))

const swap: PeerAction = { on: 'second', do: 'swap' }

/** RFC 4271 8.2.2: in Idle connections are refused. One that waits for its OPEN is enough. */
function accept(state: PeerState, now: number): PeerStep {
  const { primary, second } = state
  if (!primary.config.listen || primary.name === 'Idle' || second !== undefined) {
    return { state, actions: [{ on: 'second', do: 'reject', message: ceaseMessage(rejected) }] }
  }
  const { config, failures, offer, restarting, seed } = primary
  // Another seed, so that the timers of the two do not run alike.
  const own = { config, failures, offer, restarting, seed: (seed ^ 0x9e3779b9) >>> 0 }
  const next = step({ ...own, name: 'Active', running: true, incoming: true }, { kind: 'tcpConnected' }, now)
  return {
    state: { primary, second: next.state },
    actions: [{ on: 'second', do: 'adopt' }, ...tagged('second', next.actions)],
  }
}

/** What concerns the peer as a whole goes to the second connection first; what is said last is the primary's. */
function wholePeer(state: PeerState, input: Input, now: number): PeerStep {
  const reset = input.kind === 'configure' && input.reset
  const toSecond: Input = reset ? { kind: 'stop', subcode: 6, text: '' } : input
  const before =
    state.second === undefined || input.kind === 'start' || input.kind === 'bfdUp'
      ? { state, actions: [] }
      : one(state, 'second', toSecond, now)
  const after = one(before.state, 'primary', input, now)
  return { state: after.state, actions: [...before.actions, ...after.actions] }
}

/** An input for one of the connections; what follows from it for the other. */
function one(state: PeerState, on: Place, input: Input, now: number): PeerStep {
  const self = state[on]
  if (self === undefined) return { state, actions: [] }
  const next = step(self, input, now)
  if (on === 'second') {
    if (next.state.name === 'OpenConfirm') return openedOnSecond(state.primary, next, now)
    if (!hasConnection(next.state)) return secondLost(state.primary, next, isCollision(input))
    const heard = next.actions.filter(({ do: what }) => what !== 'down' || !isComingUp(state.primary))
    return { state: { ...state, second: next.state }, actions: tagged('second', heard) }
  }
  const { second } = state
  if (second !== undefined) {
    if (self.name === 'OpenSent' && next.state.name === 'OpenConfirm')
      return openedOnPrimary(second, next, now)
    if (self.name === 'OpenConfirm' && next.state.name === 'Established') return established(next)
    if (hasConnection(self) && next.state.running && !hasConnection(next.state)) {
      return takeOver(second, next, isCollision(input))
    }
  }
  return { state: { ...state, primary: next.state }, actions: tagged('primary', next.actions) }
}

/** RFC 4271 6.8, on receipt of a good OPEN. */
function openedOnSecond(primary: FsmState, opened: Step, now: number): PeerStep {
  const toPrimary = {
    state: { primary: opened.state },
    actions: [swap, ...tagged('primary', opened.actions)],
  }
  const takesOver = { ...toPrimary, actions: [...tagged('primary', dump), ...toPrimary.actions] }
  const staysAway = { state: { primary }, actions: tagged('second', dump) }
  switch (primary.name) {
    case 'OpenSent':
      if (isOfTheLarger(opened.state, primary)) return takesOver
      return isSilent(primary, opened.state, now)
        ? { ...toPrimary, state: { primary: opened.state, second: primary } }
        : staysAway
    case 'OpenConfirm':
      return isOfTheLarger(opened.state, primary) ? takesOver : staysAway
    case 'Established': {
      if (!hasLostUs(primary, now)) return staysAway
      const text = 'the peer opened a new connection, so it has lost this one'
      const down: Action = { do: 'down', reason: { code: 'FL_BGP_CONNECTION_CLOSED', text } }
      return { ...toPrimary, actions: [...tagged('primary', [...drop, down]), ...toPrimary.actions] }
    }
    default: // Connect, Active: no need to connect any more
      return { ...toPrimary, actions: [...tagged('primary', drop), ...toPrimary.actions] }
  }
}

/** The same where the OPEN came on the primary connection. */
function openedOnPrimary(second: FsmState, opened: Step, now: number): PeerStep {
  const actions = tagged('primary', opened.actions)
  if (isOfTheLarger(opened.state, second)) {
    return { state: { primary: opened.state }, actions: [...tagged('second', dump), ...actions] }
  }
  if (isSilent(second, opened.state, now)) return { state: { primary: opened.state, second }, actions }
  return { state: { primary: second }, actions: [...tagged('primary', dump), swap] }
}

/** Milliseconds for an OPEN to come, and for connections that both sides opened at a time to meet. */
const openTime = 5000

/**
 * A connection in OpenSent that may be a dead one: its OPEN should be here by now. One that the same side opened as
 * the other has no right to stay in its place either.
 */
const isSilent = (waiting: FsmState, opened: FsmState, now: number): boolean =>
  waiting.incoming === opened.incoming || now - waiting.connectedAt! > openTime

const drop: readonly Action[] = [{ do: 'cancel', names: connectionTimers }, { do: 'close' }]

/** RFC 4271 8.2.2 event 23, OpenCollisionDump. The session lives on in the other connection: nothing is down. */
const dump: readonly Action[] = [{ do: 'send', message: ceaseMessage(collision) }, ...drop]

/**
 * The first connection was opened by the side with the larger identifier, the other one by the peer of that; of equal
 * identifiers that with the larger AS is larger (RFC 6286 2.3).
 * @param opened has the peer's OPEN
 */
function isOfTheLarger(opened: FsmState, other: FsmState): boolean {
  const { config, negotiated } = opened
  const ours = identifier(config.routerId)
  const theirs = identifier(negotiated!.peerRouterId)
  const theirsIsLarger = theirs === ours ? negotiated!.peerAS > config.localAS : theirs > ours
  return opened.incoming !== other.incoming && theirsIsLarger === (opened.incoming === true)
}

/** As an unsigned integer. */
const identifier = (quad: string): number =>
  quad.split('.').reduce((value, octet) => value * 256 + Number(octet), 0)

/**
 * RFC 4724 4.2: from a peer with graceful restart, a new connection says that the old one ended unnoticed; it is closed
 * without a word. To a session that has just come up it is rather the other half of a collision.
 */
const hasLostUs = ({ negotiated, establishedAt }: FsmState, now: number): boolean =>
  (negotiated!.gracefulRestart?.peerFamilies.length ?? 0) > 0 && now - establishedAt! > openTime

/** RFC 4271 6.8: an Established connection stays. */
const established = (next: Step): PeerStep => ({
  state: { primary: next.state },
  actions: [...tagged('second', dump), ...tagged('primary', next.actions)],
})

/** Then what is wrong with the other connection is no reason for anything. */
const isComingUp = ({ name }: FsmState): boolean => name === 'OpenConfirm' || name === 'Established'

/** The peer has settled the collision on its side, for the other connection. */
const isCollision = (input: Input): boolean =>
  input.kind === 'notification' && input.message.code === 6 && input.message.subcode === collision

/** The primary connection ended. The other one is there already: nothing to wait for. */
function takeOver(second: FsmState, { state, actions }: Step, settled: boolean): PeerStep {
  const ending = actions.filter((action) => action.do !== 'timer' && (action.do !== 'down' || !settled))
  const failures = settled ? second.failures : state.failures
  return {
    state: { primary: { ...second, failures, restarting: state.restarting } },
    actions: [...tagged('primary', ending), swap],
  }
}

/**
 * The second connection ended before it was anything. An error in the protocol is one of the peer's, so the next
 * attempt of ours waits, too; while our own connection is open it decides alone.
 */
function secondLost(primary: FsmState, { state, actions }: Step, settled: boolean): PeerStep {
  const waits = !hasConnection(primary) && state.running && state.name === 'Idle'
  const unheard = settled || isComingUp(primary)
  const heard = actions.filter((action) => action.do !== 'timer' && (action.do !== 'down' || !unheard))
  const wait = actions.filter((action) => action.do === 'timer')
  return {
    state: { primary: waits ? state : primary },
    actions: [...tagged('second', heard), ...(waits ? tagged('primary', [...drop, ...wait]) : [])],
  }
}

/**
 * The state machine of RFC 5880 6.8 in asynchronous mode, as a pure function: `step(state, input, now)` returns the
 * next state and what to do. It reads no clock and draws no random number, so a recording of its inputs replays to
 * the same actions. `timing.ts` has the intervals; here is what happens when.
 *
 * Readings and departures:
 * - a packet goes out at once when it would say something else than the one before (6.8.7 SHOULD), so a session is
 *   Up one round trip after both sides have heard each other, and not seconds later;
 * - whoever has been silent for the detection time is forgotten in every state (6.8.1 for the discriminator), with
 *   all that he said;
 * - the passive role is kept on single hops too, although RFC 5881 3 wants both sides active: BFDProfiles have it;
 * - Demand mode is respected when the peer uses it (6.6) and never used; echo and authentication are not offered.
 */
import { diagnostic } from './errors.ts'
import type { Action, FsmConfig, FsmState, Input, Remote, Step } from './events.ts'
import {
  detectionTime,
  endPoll,
  mayTransmit,
  retime,
  transmitDelay,
  transmitInterval,
  wantedIntervals,
} from './timing.ts'
import type { BfdState, ControlPacket } from './wire.ts'

/** RFC 5880 6.8.6 with the diagram of 6.2: our state, then the peer's, gives our next. */
const transitions: Record<Exclude<BfdState, 'AdminDown'>, Record<BfdState, BfdState>> = {
  Down: { AdminDown: 'Down', Down: 'Init', Init: 'Up', Up: 'Down' },
  Init: { AdminDown: 'Down', Down: 'Init', Init: 'Up', Up: 'Up' },
  Up: { AdminDown: 'Down', Down: 'Down', Init: 'Up', Up: 'Up' },
}

export function step(state: FsmState, input: Input, now: number): Step {
  const { random } = input
  switch (input.kind) {
    case 'start':
      return settle(state, state, random, now)
    case 'packet':
      return packetReceived(state, input.packet, random, now)
    case 'timer':
      if (input.name === 'transmit') return settle(state, state, random, now, { due: true })
      return settle(state, silent(state), random, now)
    case 'configure': {
      const next = settle(state, retime({ ...state, config: input.config }), random, now)
      // The peer gets the new detection time from now on.
      return next.state.remote.discriminator === 0 ? next : also(next, detect(next.state))
    }
    case 'disable':
      return settle(state, enter(state, 'AdminDown', input.diagnostic ?? diagnostic.adminDown), random, now)
    case 'enable':
      return state.name === 'AdminDown'
        ? settle(state, enter(state, 'Down', diagnostic.none), random, now)
        : stay(state)
  }
}

/** RFC 5880 6.8.6, from the point at which the packet is known to be good. */
function packetReceived(state: FsmState, packet: ControlPacket, random: number, now: number): Step {
  const learned: FsmState = {
    ...state,
    remote: {
      discriminator: packet.myDiscriminator,
      state: packet.state,
      diagnostic: packet.diagnostic,
      multiplier: packet.multiplier,
      minTx: packet.desiredMinTx,
      minRx: packet.requiredMinRx,
      demand: packet.demand,
    },
  }
  const answered = packet.final ? endPoll(learned) : learned
  // What is administratively down learns, and does nothing.
  if (state.name === 'AdminDown') return settle(state, answered, random, now)
  const name = transitions[state.name][packet.state]
  const entered = enter(answered, name, name === 'Down' ? diagnostic.neighborDown : diagnostic.none)
  return also(settle(state, entered, random, now, { answer: packet.poll }), detect(entered))
}

/** RFC 5880 6.8.4: nothing was heard for the detection time. */
function silent(state: FsmState): FsmState {
  const forgotten: FsmState = { ...state, remote: unheard, poll: 'none' }
  const wasThere = state.name === 'Init' || state.name === 'Up'
  return wasThere ? enter(forgotten, 'Down', diagnostic.timeExpired) : forgotten
}

function enter(state: FsmState, name: BfdState, reason: number): FsmState {
  return name === state.name ? state : retime({ ...state, name, diagnostic: reason })
}

/** Says what there is to say after an input and sets the transmit timer for what comes next. */
function settle(
  before: FsmState,
  after: FsmState,
  random: number,
  now: number,
  { due = false, answer = false } = {},
): Step {
  const actions: Action[] = []
  if (after.name !== before.name) {
    actions.push({ do: 'changed', from: before.name, to: after.name, diagnostic: after.diagnostic })
  }
  // RFC 5880 6.8.7: at once, whatever the transmit timer says.
  if (answer) actions.push({ do: 'send', packet: packetOf(after, 'final') })
  const { sentAt, ...rest } = after
  if (!mayTransmit(after)) {
    if (sentAt !== undefined) actions.push({ do: 'cancel', name: 'transmit' })
    return { state: rest, actions }
  }
  const delay = transmitDelay(after, random)
  if (due || sentAt === undefined || saysMore(before, after)) {
    actions.push({ do: 'send', packet: packetOf(after) }, { do: 'timer', name: 'transmit', ms: delay })
    return { state: { ...after, sentAt: now }, actions }
  }
  if (transmitInterval(before) !== transmitInterval(after)) {
    actions.push({ do: 'timer', name: 'transmit', ms: Math.max(1, sentAt + delay - now) })
  }
  return { state: after, actions }
}

/** The next packet would say something new to the peer, or ask for the first time. */
function saysMore(before: FsmState, after: FsmState): boolean {
  return (
    before.name !== after.name ||
    before.announced !== after.announced ||
    before.config.multiplier !== after.config.multiplier ||
    (before.poll !== after.poll && after.poll === 'active')
  )
}

function packetOf(state: FsmState, answer?: 'final'): ControlPacket {
  const final = answer === 'final'
  return {
    diagnostic: state.diagnostic,
    state: state.name,
    // RFC 5880 6.5: never both.
    poll: !final && state.poll !== 'none',
    final,
    independent: false,
    demand: false,
    multiplier: state.config.multiplier,
    myDiscriminator: state.discriminator,
    yourDiscriminator: state.remote.discriminator,
    ...state.announced,
    requiredMinEchoRx: 0,
  }
}

const detect = (state: FsmState): Action => ({ do: 'timer', name: 'detect', ms: detectionTime(state) })

const also = ({ state, actions }: Step, action: Action): Step => ({ state, actions: [...actions, action] })

const stay = (state: FsmState): Step => ({ state, actions: [] })

/** RFC 5880 6.8.1. */
const unheard: Remote = {
  discriminator: 0,
  state: 'Down',
  diagnostic: diagnostic.none,
  multiplier: 0,
  minTx: 0,
  minRx: 1,
  demand: false,
}

/** @param discriminator random, of no other session, not 0 */
export function initialState(config: FsmConfig, discriminator: number): FsmState {
  const announced = wantedIntervals({ name: 'Down', config })
  return {
    name: 'Down',
    config,
    discriminator,
    diagnostic: diagnostic.none,
    remote: unheard,
    announced,
    inForce: announced,
    poll: 'none',
  }
}

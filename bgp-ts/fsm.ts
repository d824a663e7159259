/**
 * The BGP state machine of RFC 4271 8, as a pure function: `step(state, input, now)` returns the next state and
 * what to do. It reads no clock, draws no random number (jitter comes from a seed in the state) and touches no
 * socket, so a recording of its inputs replays to the same actions.
 *
 * Departures from RFC 4271 8.2.2, each of them allowed or usual:
 * - a state machine is for one connection; what two connections of a peer mean to each other (6.8) is in
 *   `collision.ts`;
 * - DelayOpen and PassiveTcpEstablishment are not used (optional, 8.1.1);
 * - a failed connection attempt goes to Active and waits there, as BIRD and FRR do, instead of to Idle; after an
 *   error in the protocol the wait is in Idle (`idleHold`);
 * - a connection that the peer ended as one of two (Cease 6/7), or as it takes none for now (6/5), leads to Active, too:
 *   that was no error, and there the peer's own one can come in;
 * - the wait doubles from `connectRetryTime` to 60 s (8.1.1 DampPeerOscillations leaves the method open) and
 *   starts over once a session has lasted 60 s;
 * - the four minutes for an OPEN come in two parts: after the first the reason is told, and nothing else is done;
 * - the keepalive timer runs on its own and is not restarted by an UPDATE (4.4 asks for at least that often);
 * - a session that BFD ended waits for BFD, too, before it connects again: at most 10 s, since a router may begin
 *   BFD only with the BGP session (RFC 5882 4.1 wants no deadlock with a peer that does not do BFD);
 * - an input that cannot occur in a state (our own edge would be wrong) changes nothing; a message that must not
 *   occur is an FSM error (6.6).
 */
import type { FsmState, Input, Step } from './events.ts'
import { closed, holdExpired, inPlace, openNever, sendHoldExpired, unexpected } from './faults.ts'
import {
  bfdDown,
  bfdUp,
  connect,
  connectAgain,
  connectFailed,
  fail,
  leaveIdle,
  notified,
  openReceived,
  reconfigure,
  refresh,
  restartHold,
  retry,
  sendHoldTime,
  sendKeepalive,
  sendOpen,
  stay,
  stop,
  tellOpenLate,
} from './transitions.ts'

export function step(state: FsmState, input: Input, now: number): Step {
  switch (state.name) {
    case 'Idle':
      return idle(state, input)
    case 'Connect':
      return connecting(state, input, now)
    case 'Active':
      return active(state, input, now)
    case 'OpenSent':
      return openSent(state, input, now)
    case 'OpenConfirm':
      return openConfirm(state, input, now)
    case 'Established':
      return established(state, input, now)
  }
}

/** RFC 4271 8.2.2 Idle: stopped, or waiting after an error (`idleHold` runs). */
function idle(state: FsmState, input: Input): Step {
  switch (input.kind) {
    case 'start': // events 1, 3: ManualStart, AutomaticStart
      return leaveIdle({ ...state, running: true, failures: 0, seed: input.seed })
    case 'timer': // event 13: IdleHoldTimer_Expires
      return input.name === 'idleHold' && state.running ? connect(state) : stay(state)
    case 'bfdUp': // RFC 5882 4.1
      return bfdUp(state)
    case 'stop': // event 2: RFC 4271 ignores it here; we also end the wait
      return { state: { ...state, running: false }, actions: [{ do: 'cancel', names: ['idleHold'] }] }
    case 'configure': // what was wrong may be right now: do not wait on
      if (input.reset && state.running) return leaveIdle({ ...state, config: input.config, failures: 0 })
      return stay({ ...state, config: input.config })
    default: // nothing is connected
      return stay(state)
  }
}

/** RFC 4271 8.2.2 Connect: a TCP connection is being opened. */
function connecting(state: FsmState, input: Input, now: number): Step {
  switch (input.kind) {
    case 'tcpConnected': // events 16, 17; DelayOpen is not used
      return sendOpen(state, now)
    case 'tcpFailed': // event 18
      return connectFailed(state, input, now)
    case 'timer': // event 9: drop the attempt, start the next
      return input.name === 'connectRetry' ? connectAgain(state) : stay(state)
    case 'stop': // event 2
      return stop(state, input)
    case 'configure':
      return reconfigure(state, input)
    default: // no connection, no message
      return stay(state)
  }
}

/** RFC 4271 8.2.2 Active: waiting to connect again, or for the peer to connect. */
function active(state: FsmState, input: Input, now: number): Step {
  switch (input.kind) {
    case 'tcpConnected': // event 17: the peer has connected to us
      return sendOpen(state, now)
    case 'timer': // event 9
      return input.name === 'connectRetry' ? connect(state) : stay(state)
    case 'stop': // event 2
      return stop(state, input)
    case 'configure':
      return reconfigure(state, input)
    default: // no connection, no message
      return stay(state)
  }
}

/** RFC 4271 8.2.2 OpenSent: our OPEN is out, the peer's is awaited. */
function openSent(state: FsmState, input: Input, now: number): Step {
  switch (input.kind) {
    case 'open': // events 19, 22
      return openReceived(state, input, now)
    case 'notification': // events 24, 25
      return notified(state, input.message, now)
    case 'tcpClosed': // event 18
      return retry(state, closed(input.text, 'before it sent an OPEN'), now)
    case 'timer': // event 10
      if (input.name !== 'hold') return stay(state)
      return state.openLate ? fail(state, openNever, now) : tellOpenLate(state)
    case 'fault': // events 21, 22; an UPDATE is out of place whatever is in it
      return fail(state, inPlace(input.fault, [1, 2], 'FL_BGP_FSM_OPEN_SENT'), now)
    case 'keepalive':
    case 'update':
    case 'routeRefresh': // any other event
      return fail(state, unexpected('FL_BGP_FSM_OPEN_SENT', input.kind), now)
    case 'bfdDown': // RFC 5882 4.2
      return bfdDown(state, input, now)
    case 'stop': // event 2
      return stop(state, input)
    case 'configure':
      return reconfigure(state, input)
    default: // started and connected already; nothing big enough to block was sent
      return stay(state)
  }
}

/** RFC 4271 8.2.2 OpenConfirm: the peer's OPEN was good, its KEEPALIVE is awaited. */
function openConfirm(state: FsmState, input: Input, now: number): Step {
  switch (input.kind) {
    case 'keepalive': // event 26
      return {
        state: { ...state, name: 'Established', establishedAt: now, restarting: false },
        actions: [...restartHold(state), { do: 'established', negotiated: state.negotiated! }],
      }
    case 'notification': // events 24, 25
      return notified(state, input.message, now)
    case 'tcpClosed': // event 18
      return fail(state, closed(input.text, 'after its OPEN'), now)
    case 'timer': // events 10, 11
      if (input.name === 'keepalive') return sendKeepalive(state)
      return input.name === 'hold' ? fail(state, holdExpired('waiting for a KEEPALIVE'), now) : stay(state)
    case 'fault': // event 21; OPEN and UPDATE are out of place whatever is in them
      return fail(state, inPlace(input.fault, [1], 'FL_BGP_FSM_OPEN_CONFIRM'), now)
    case 'open':
    case 'update':
    case 'routeRefresh': // any other event; a second OPEN on one connection is no collision
      return fail(state, unexpected('FL_BGP_FSM_OPEN_CONFIRM', input.kind), now)
    case 'bfdDown': // RFC 5882 4.2
      return bfdDown(state, input, now)
    case 'stop': // event 2
      return stop(state, input)
    case 'configure':
      return reconfigure(state, input)
    default: // started and connected already; nothing big enough to block was sent
      return stay(state)
  }
}

/** RFC 4271 8.2.2 Established: routes go out. */
function established(state: FsmState, input: Input, now: number): Step {
  switch (input.kind) {
    case 'keepalive': // event 26
    case 'update': // event 27
      return { state, actions: restartHold(state) }
    case 'routeRefresh':
      return refresh(state, input)
    case 'notification': // events 24, 25
      return notified(state, input.message, now)
    case 'tcpClosed': // event 18
      return fail(state, closed(input.text, 'while the session was up'), now)
    case 'timer': // events 10, 11; RFC 9687 4
      if (input.name === 'keepalive') return sendKeepalive(state)
      if (input.name === 'hold') return fail(state, holdExpired('in an established session'), now)
      return input.name === 'sendHold' ? fail(state, sendHoldExpired, now) : stay(state)
    case 'sendBlocked': // RFC 9687 3
      return {
        state,
        actions: [{ do: 'timer', name: 'sendHold', ms: sendHoldTime(state.negotiated!.holdTime) }],
      }
    case 'sendUnblocked':
      return { state, actions: [{ do: 'cancel', names: ['sendHold'] }] }
    case 'fault': // events 21, 28; an OPEN is out of place whatever is in it
      return fail(state, inPlace(input.fault, [1, 3, 7], 'FL_BGP_FSM_ESTABLISHED'), now)
    case 'open': // event 19
      return fail(state, unexpected('FL_BGP_FSM_ESTABLISHED', input.kind), now)
    case 'bfdDown': // RFC 5882 4.2
      return bfdDown(state, input, now)
    case 'stop': // event 2
      return stop(state, input)
    case 'configure':
      return reconfigure(state, input)
    default: // started and connected already
      return stay(state)
  }
}

export { initialState } from './transitions.ts'

import type { FsmState, Intervals } from './events.ts'

/** RFC 5880 6.8.3: while a session is not Up it sends no faster than once a second. Microseconds. */
const slowInterval = 1_000_000

/** What our packets have to say in this state. */
export function wantedIntervals({ name, config }: Pick<FsmState, 'name' | 'config'>): Intervals {
  const { desiredMinTx, requiredMinRx } = config
  return { desiredMinTx: name === 'Up' ? desiredMinTx : Math.max(desiredMinTx, slowInterval), requiredMinRx }
}

/**
 * Says the wanted intervals from now on. RFC 5880 6.8.3: any change begins a Poll Sequence, so that both sides know
 * that both know; until its end an Up session sends no slower and expects no faster than before. Who has not been
 * heard cannot answer, and gets to know by the next packet.
 */
export function retime(state: FsmState): FsmState {
  const announced = wantedIntervals(state)
  const { announced: before, inForce, name, poll, remote } = state
  if (announced.desiredMinTx === before.desiredMinTx && announced.requiredMinRx === before.requiredMinRx) {
    return state
  }
  const up = name === 'Up'
  return {
    ...state,
    announced,
    inForce: {
      desiredMinTx: Math.min(announced.desiredMinTx, up ? inForce.desiredMinTx : Infinity),
      requiredMinRx: Math.max(announced.requiredMinRx, up ? inForce.requiredMinRx : 0),
    },
    poll: remote.discriminator === 0 ? 'none' : poll === 'none' ? 'active' : 'again',
  }
}

/** The peer's Final: what was announced counts. Unless it has changed since, in which case it is asked again. */
export function endPoll(state: FsmState): FsmState {
  if (state.poll === 'none') return state
  if (state.poll === 'again') return { ...state, poll: 'active' }
  return { ...state, poll: 'none', inForce: state.announced }
}

/** RFC 5880 6.8.7, before jitter. Microseconds. */
export const transmitInterval = ({ inForce, remote }: FsmState): number =>
  Math.max(inForce.desiredMinTx, remote.minRx)

/**
 * Milliseconds to the next packet. RFC 5880 6.8.7: a random 0 to 25 % less than the interval, and with a multiplier
 * of 1 at least 10 % less, since the next packet is all there is between the peer and its detection time.
 */
export function transmitDelay(state: FsmState, random: number): number {
  const most = state.config.multiplier === 1 ? 0.9 : 1
  const factor = 0.75 + random * (most - 0.75)
  return Math.max(1, Math.floor((transmitInterval(state) * factor) / 1000))
}

/** Between two packets of the peer, before its jitter. Microseconds. */
export const receiveInterval = ({ inForce, remote }: FsmState): number =>
  Math.max(inForce.requiredMinRx, remote.minTx)

/** RFC 5880 6.8.4: milliseconds of silence after which the peer counts as gone. */
export const detectionTime = (state: FsmState): number =>
  Math.ceil((state.remote.multiplier * receiveInterval(state)) / 1000)

/** RFC 5880 6.1, 6.6, 6.8.7: when no packets may go out but answers to a Poll. */
export function mayTransmit({ name, config, remote, poll }: FsmState): boolean {
  // A passive side waits until it hears the peer.
  if (config.passive && remote.discriminator === 0) return false
  // The peer takes no packets at all.
  if (remote.minRx === 0) return false
  // The peer is in Demand mode and asks when it wants to know.
  return !(remote.demand && name === 'Up' && remote.state === 'Up' && poll === 'none')
}

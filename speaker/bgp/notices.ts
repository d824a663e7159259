import { changeEffects, configEffects } from '#bgp-ts/config-change.ts'
import type { PeerConfig } from '#bgp-ts/config.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import type { EventRecorder } from '#kube/events.ts'
import { resetCause } from './reset-causes.ts'

/** What people read in `kubectl describe bgppeer`. */
export interface SessionNotice {
  readonly type: 'Normal' | 'Warning'
  readonly reason: 'SessionUp' | 'SessionDown' | 'SessionReset'
  readonly message: string
}

/** While a session is down, so many different reasons for it are told; it may have more of them the longer it lasts. */
const REASONS_TOLD = 8

/**
 * What is worth telling of one session on one node: that it came up, that it went down and why, and while it is down
 * each new reason once. The same thing has the same words each time, so that the recorder makes one series of it.
 */
export class SessionNotices {
  readonly #node: string
  #told = new Set<string>()
  #changed: string | undefined

  constructor(node: string) {
    this.#node = node
  }

  /** The configuration of a session that is up has changed: when these settings end it, that is no failure. */
  configured(before: PeerConfig, after: PeerConfig): void {
    const settings = changedSettings(before, after)
    if (settings.length > 0) this.#changed = settings.join(', ')
  }

  /** @param before undefined for a session that was not there */
  look(before: SessionStatus | undefined, now: SessionStatus): SessionNotice | undefined {
    const was = before?.state === 'Established'
    if (now.state === 'Established') return was ? undefined : this.#up(now)
    if (was) return this.#down(now)
    return now.lastError?.at === before?.lastError?.at ? undefined : this.#stillDown(now)
  }

  #up(now: SessionStatus): SessionNotice {
    const { peerAS, holdTime, negotiated } = now
    this.#told = new Set()
    this.#changed = undefined
    const host = negotiated?.peerHostname
    const who = `AS ${peerAS}${host === undefined ? '' : `, host name ${host}`}`
    const hold = holdTime === 0 ? 'no hold time' : `hold time ${holdTime / 1000}s`
    return this.#notice('Normal', 'SessionUp', now, `is up (${who}, ${hold})`)
  }

  #down(now: SessionStatus): SessionNotice {
    const cause = resetCause(now)
    const text = now.lastError?.text ?? ''
    this.#told.add(text)
    if (cause === 'stopped') return this.#notice('Normal', 'SessionDown', now, 'is down: the speaker stops')
    if (cause !== 'configuration') return this.#notice('Warning', 'SessionDown', now, `is down: ${text}`)
    // The wire thread alone knows where the router of an unnumbered peer is.
    const settings = this.#changed ?? 'address of the router'
    this.#changed = undefined
    return this.#notice(
      'Normal',
      'SessionReset',
      now,
      `begins anew, as its configuration changed: ${settings}`,
    )
  }

  #stillDown(now: SessionStatus): SessionNotice | undefined {
    const { lastError } = now
    if (lastError === undefined || this.#told.has(lastError.text) || this.#told.size >= REASONS_TOLD)
      return undefined
    const cause = resetCause(now)
    // Nothing was tried: what keeps it from that is in SpeakerStatus, and may be over in a moment.
    if (cause === 'blocked' || cause === 'stopped' || cause === 'configuration') return undefined
    this.#told.add(lastError.text)
    return this.#notice('Warning', 'SessionDown', now, `does not come up: ${lastError.text}`)
  }

  #notice(
    type: SessionNotice['type'],
    reason: SessionNotice['reason'],
    { endpoint }: SessionStatus,
    what: string,
  ): SessionNotice {
    return { type, reason, message: `${this.#node}: the session with ${endpoint} ${what}` }
  }
}

/** Puts a notice on the BGPPeer. @param peer its `uid` is '' when it is not known */
export function tellSession(
  events: Pick<EventRecorder, 'record'>,
  { uid, ...peer }: { readonly namespace: string; readonly name: string; readonly uid: string },
  { type, reason, message }: SessionNotice,
): void {
  const about = { apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer', ...peer, ...(uid === '' ? {} : { uid }) }
  events.record(about, type, reason, message)
}

/** As they are called in a BGPPeer, where that is another name. */
const fields: Partial<Record<keyof PeerConfig, string>> = {
  localAS: 'AS of our own',
  peerAS: 'peerASN',
  asType: 'dynamicASN',
  address: 'peerAddress',
  port: 'peerPort',
  device: 'interface or vrf',
  routerId: 'routerID',
  multihop: 'ebgpMultiHop',
  families: 'address families',
  extendedNextHop: 'IPv6 next hops for IPv4',
}

/** Names of the settings whose change ends a session that is up; never a value, one of them is the password. */
function changedSettings(before: PeerConfig, after: PeerConfig): string[] {
  const keys = Object.keys(configEffects) as (keyof PeerConfig)[]
  return keys
    .filter((key) => changeEffects(before, { ...before, [key]: after[key] }).has('reset'))
    .map((key) => fields[key] ?? key)
}

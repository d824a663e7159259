import type { BfdProfile } from '#crds/config.ts'
import type { BfdErrorCode } from './errors.ts'

/** How a session is to run: a BFDProfile as plain data. Intervals in milliseconds. */
export interface BfdSettings {
  /** the longest interval between two packets from the peer that it may keep */
  readonly receiveInterval: number
  readonly transmitInterval: number
  readonly detectMultiplier: number
  /** send nothing before the peer has been heard */
  readonly passive: boolean
  /** multihop sessions: least TTL or hop limit of a packet from the peer */
  readonly minimumTtl: number
  /** the profile asks for the echo function */
  readonly echo: boolean
}

/**
 * FRR's defaults, which a BFDProfile without fields means as well. Its documented least TTL of 254 is not among them:
 * where BGP asks for the session FRR takes 256 less the BGP session's own TTL, which is 1, and routers such as BIRD
 * send multihop BFD with a TTL of 64. So a least TTL is asked for only where a profile names one.
 */
export const defaultSettings: BfdSettings = {
  receiveInterval: 300,
  transmitInterval: 300,
  detectMultiplier: 3,
  passive: false,
  minimumTtl: 1,
  echo: false,
}

/**
 * Between speakers where nobody says otherwise. The interval is how long a node may be gone unnoticed before those who
 * would follow it ask the wire (decision 7); the whole is BFD's own verdict.
 */
export const livenessSettings: BfdSettings = {
  ...defaultSettings,
  receiveInterval: 140,
  transmitInterval: 140,
  detectMultiplier: 6,
}

export const settingsOf = (profile: BfdProfile): BfdSettings => ({
  receiveInterval: profile.receiveInterval,
  transmitInterval: profile.transmitInterval,
  detectMultiplier: profile.detectMultiplier,
  passive: profile.passiveMode,
  minimumTtl: profile.minimumTtl ?? defaultSettings.minimumTtl,
  echo: profile.echoMode,
})

/**
 * One session for all who want it to the same peer: the fastest of each interval, the shortest time in which the peer
 * notices our silence, the strictest TTL, and passive only when all want that.
 */
export function mergeSettings(all: readonly BfdSettings[]): BfdSettings {
  const least = (of: (settings: BfdSettings) => number): number => Math.min(...all.map(of))
  const transmitInterval = least((one) => one.transmitInterval)
  const silence = least((one) => one.transmitInterval * one.detectMultiplier)
  return {
    receiveInterval: least(({ receiveInterval }) => receiveInterval),
    transmitInterval,
    detectMultiplier: Math.floor(silence / transmitInterval),
    passive: all.every(({ passive }) => passive),
    minimumTtl: Math.max(...all.map(({ minimumTtl }) => minimumTtl)),
    echo: all.some(({ echo }) => echo),
  }
}

export interface BfdNote {
  readonly code: BfdErrorCode
  readonly text: string
}

/** Below this many milliseconds a machine that does other work as well takes its own pauses for the peer's failure. */
const leastDetectionTime = 150

/** What a person should know about these settings. */
export function notesOn({ echo, receiveInterval, detectMultiplier }: BfdSettings): BfdNote[] {
  const notes: BfdNote[] = []
  if (echo) {
    const text =
      'echo mode is refused: echo packets are neither sent nor reflected here (Required Min Echo RX is 0); ' +
      'failures are detected by control packets at the receive interval'
    notes.push({ code: 'FL_BFD_ECHO_NOT_OFFERED', text })
  }
  const detection = receiveInterval * detectMultiplier
  if (detection < leastDetectionTime) {
    const text =
      `a detection time of ${detection} ms is shorter than the pauses of a machine under load; ` +
      `at least ${leastDetectionTime} ms, better 900 ms, avoids false alarms`
    notes.push({ code: 'FL_BFD_FAST', text })
  }
  return notes
}

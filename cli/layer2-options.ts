import { parseDuration } from '#crds/parse/duration.ts'
import { livenessSettings, type BfdSettings } from '#speaker/bfd/config.ts'
import { CliError } from './errors.ts'

/** The speaker's options about liveness and drains as commander gives them. */
export interface Layer2Options {
  readonly livenessInterval: string
  readonly livenessMultiplier: string
  readonly drainOnCordon: boolean
  readonly drainWait: string
}

/** Longer, and a node that waits for its end is held up by those who wait for it. */
const LONGEST_DRAIN_MS = 600_000

/** @throws CliError FL_CLI_OPTION naming the option */
export function layer2Options(options: Layer2Options): {
  readonly liveness: BfdSettings
  readonly drainOnCordon: boolean
  readonly drainWaitMs: number
} {
  const interval = within(options.livenessInterval, 50, 10_000, '--liveness-interval')
  const detectMultiplier = within(options.livenessMultiplier, 2, 50, '--liveness-multiplier')
  const drainWaitMs = parseDuration(options.drainWait)
  if (drainWaitMs === undefined || drainWaitMs < 0 || drainWaitMs > LONGEST_DRAIN_MS) {
    throw new CliError(
      'FL_CLI_OPTION',
      `--drain-wait ${options.drainWait}: it must be a duration from 0 to 10m, such as 5s`,
    )
  }
  return {
    liveness: {
      ...livenessSettings,
      receiveInterval: interval,
      transmitInterval: interval,
      detectMultiplier,
    },
    drainOnCordon: options.drainOnCordon,
    drainWaitMs,
  }
}

function within(text: string, least: number, most: number, option: string): number {
  const value = Number(text)
  if (/^[0-9]{1,6}$/.test(text) && value >= least && value <= most) return value
  throw new CliError('FL_CLI_OPTION', `${option} ${text}: it must be a number from ${least} to ${most}`)
}

import { livenessSettings, type BfdSettings } from '../../bfd/config.ts'
import type { CoreFactory } from './core.ts'

/** How a cluster begins. */
export interface WorldOptions {
  readonly seed: number
  readonly nodes: number
  readonly addresses: readonly string[]
  /** UDP 3784 is filtered between the nodes */
  readonly bfdFiltered?: boolean
  /** the last node has the hardware address of the first */
  readonly sharedMac?: boolean
  /** milliseconds, see Api; short ones make runs short */
  readonly staleAfter?: number
  readonly lease?: number
  /** of the BFD sessions between the speakers, the interval in milliseconds; the field's default when absent */
  readonly liveness?: { readonly multiplier: number; readonly interval: number }
  /** another core than the real one, to see that its defects are found */
  readonly core?: CoreFactory
}

/** How the speakers watch each other. */
export const livenessOf = ({ liveness }: Pick<WorldOptions, 'liveness'>): BfdSettings =>
  liveness === undefined
    ? livenessSettings
    : {
        ...livenessSettings,
        receiveInterval: liveness.interval,
        transmitInterval: liveness.interval,
        detectMultiplier: liveness.multiplier,
      }

/**
 * Of words such as `6x140`.
 * @throws Error for others
 */
export function livenessFrom(text: string): NonNullable<WorldOptions['liveness']> {
  const [multiplier, interval] = text.split('x').map(Number)
  if (multiplier >= 1 && interval >= 1) return { multiplier, interval }
  throw new Error(`${text}: not a multiplier and milliseconds, such as 6x140`)
}

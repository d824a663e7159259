import type {
  Layer2Event,
  WireAddress,
  WireHolder,
  WireInterface,
  WireSelf,
  WireSpeaker,
} from '../../wire/protocol.ts'
import type { GroupChange } from '../groups.ts'
import type { Link } from '../interfaces.ts'
import { Layer2, type OutgoingFrame } from '../layer2.ts'

/** The core as a node drives it. */
export interface Core {
  readonly stopped: boolean
  put(addresses: readonly WireAddress[]): void
  remove(addresses: readonly string[]): void
  links(links: readonly Link[], now: number): void
  speakers(self: WireSelf, others: readonly WireSpeaker[], now: number): void
  neighbor(node: string, state: 'alive' | 'dead' | 'left' | 'unknown', now: number): void
  stop(now: number): void
  settle(now: number): {
    readonly holders: readonly WireHolder[]
    readonly interfaces: readonly WireInterface[] | undefined
    readonly groups: readonly GroupChange[]
    readonly events: readonly Layer2Event[]
  }
  receive(frame: Uint8Array, interfaceIndex: number, now: number): Uint8Array | 'look' | undefined
  due(now: number): {
    readonly frames: readonly OutgoingFrame[]
    readonly deadline: number | undefined
    readonly changed: boolean
  }
}

export type CoreFactory = (options: { readonly node: string; readonly random: () => number }) => Core

export const createCore: CoreFactory = (options) => new Layer2(options) as unknown as Core

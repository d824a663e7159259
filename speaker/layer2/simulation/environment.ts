import type { BfdSettings } from '../../bfd/config.ts'
import type { Layer2Event, WireNeighbor } from '../../wire/protocol.ts'
import type { Doubt } from '../suspicion.ts'
import type { Api } from './api.ts'
import type { CoreFactory } from './core.ts'
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a process is part of, and who looks on. */
export interface Environment {
  readonly time: VirtualTime
  readonly random: Random
  readonly api: Api
  readonly createCore: CoreFactory
  /** of the BFD sessions between the speakers */
  readonly liveness: BfdSettings
  /** the process began or ceased to answer for the address */
  onHeld(process: Process, address: string, held: boolean): void
  onSent(process: Process, frame: Uint8Array): void
  /** the time has come that its core has named */
  onWake(process: Process): void
  /** what it has sent fits what it has told */
  onSettled(process: Process): void
  /** it knows something new of the address; `version` is of its view */
  onNews(process: Process, address: string, before: number, version: number): void
  /** a neighbour that is alive is in doubt, or no more */
  onDoubt(process: Process, node: string, doubt: Doubt | undefined): void
  onNeighbor(process: Process, node: string, state: WireNeighbor['state']): void
  /** what its SpeakerStatus is to say may have changed, or it may be able to write it now */
  onStatus(process: Process): void
  onEvents(process: Process, events: readonly Layer2Event[]): void
  onEnd(process: Process): void
}

import type { Act } from './acts.ts'
import type { Said } from './frames.ts'
import type { Process } from './process.ts'

/** Who looks on and judges. All calls come in the middle of an event; `judge` at the end of each. */
export interface Witness {
  beforeAct(act: Act): void
  afterAct(act: Act): void
  held(process: Process, address: string, held: boolean): void
  sent(process: Process, said: Said): void
  /** the process looks what is due */
  woke(process: Process): void
  /** the process has told all that belongs to what it has sent */
  settled(process: Process): void
  /** of the view that the process has of the address; -1 when its own forwarding changed */
  news(process: Process, address: string, before: number, version: number): void
  marked(node: string, reachable: boolean): void
  ended(process: Process): void
  /** true ends the run */
  judge(): boolean
}

import { monotonic } from './monotonic.ts'

/** How long the same small computation takes at different times of the run: what the machine adds by itself. */
export class Noise {
  readonly samples: number[] = []

  sample(): void {
    for (let turn = 0; turn < 5; turn++) {
      const from = monotonic()
      let sum = 0
      for (let n = 0; n < 5e6; n++) sum = (sum * 31 + n) | 0
      // Never so, but the compiler does not know.
      if (sum === 0.5) console.log(sum)
      this.samples.push(monotonic() - from)
    }
  }
}

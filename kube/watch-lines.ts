import { KubeError } from './errors.ts'

const NEWLINE = 0x0a

/**
 * Cuts a stream of bytes into lines, wherever the chunks were cut: at every byte, inside a character too. Only the
 * one unfinished line is held.
 */
export class WatchLines {
  readonly #limit: number
  #parts: Buffer[] = []
  #held = 0

  /** @param limit bytes of the longest line taken */
  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * The lines that this chunk completes, without empty ones. To be read to its end before the next chunk.
   *
   * @throws KubeError FL_KUBE_STREAM when a line is longer than the limit
   */
  *push(chunk: Buffer): Generator<string, void> {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#check(end - start)
      const line = this.#join(chunk, start, end)
      if (line !== '') yield line
      start = end + 1
    }
    if (start < chunk.length) {
      this.#check(chunk.length - start)
      this.#parts.push(chunk.subarray(start))
      this.#held += chunk.length - start
    }
  }

  /**
   * The stream has ended.
   *
   * @throws KubeError FL_KUBE_STREAM when it ended inside a line
   */
  end(): void {
    if (this.#held > 0) throw new KubeError('FL_KUBE_STREAM', 'the watch was cut in the middle of a line')
  }

  #join(chunk: Buffer, start: number, end: number): string {
    if (this.#held === 0) return chunk.toString('utf8', start, end)
    const line = Buffer.concat([...this.#parts, chunk.subarray(start, end)])
    this.#parts = []
    this.#held = 0
    return line.toString('utf8')
  }

  #check(more: number): void {
    if (this.#held + more <= this.#limit) return
    throw new KubeError('FL_KUBE_STREAM', `a line of the watch is longer than ${this.#limit} bytes`)
  }
}

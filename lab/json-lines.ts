import type { Duplex } from 'node:stream'

/** A line longer than this is not one of ours. */
const LIMIT = 4 * 1024 * 1024

/** Calls `receive` with each line of JSON; a line that is none, or too long, destroys the stream. */
export function readLines(stream: Duplex, receive: (value: unknown) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LIMIT) stream.destroy(new Error('a line is too long'))
    for (const line of lines) {
      let value: unknown
      try {
        value = JSON.parse(line)
      } catch (error) {
        stream.destroy(error as Error)
        return
      }
      receive(value)
    }
  })
}

export const writeLine = (stream: Duplex, value: unknown): void => {
  stream.write(`${JSON.stringify(value)}\n`)
}

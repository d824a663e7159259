/**
 * Runs in the lab's client: for each `address port` line on standard input, tries to get an HTTP answer from there,
 * again and again, and prints the epoch milliseconds of the first one.
 */
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** Short, because a lost SYN would otherwise wait for a whole second; long enough for a slow answer. */
const ATTEMPT_MS = 40

function attempt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const done = (answered: boolean) => {
      clearTimeout(limit)
      socket.destroy()
      resolve(answered)
    }
    const limit = setTimeout(() => done(false), ATTEMPT_MS)
    socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'))
    socket.on('data', (chunk) => done(chunk.toString('latin1').startsWith('HTTP/1.1 200')))
    // Refused or unreachable comes at once: do not spin.
    socket.on('error', () => setTimeout(done, 2, false))
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  const [host, port] = line.split(' ')
  let answered = false
  while (!answered) answered = await attempt(host, Number(port))
  console.log(Date.now())
}

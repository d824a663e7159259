/**
 * One node of the measurement: a thread with BFD sessions to all others, as the wire thread of a speaker has them.
 * Arguments: own address, seconds, and the addresses of the others. Prints a line when all are Up, and the result.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { systemClock } from '#kube/clock.ts'
import { defaultSettings } from '#speaker/bfd/config.ts'
import type { BfdPort } from '#speaker/bfd/port.ts'
import { BfdEdge } from '#speaker/wire/bfd-edge.ts'
import { UdpBfdPort } from '#speaker/wire/bfd-port.ts'
import { threadPriority } from '#speaker/wire/priority.ts'

export interface NodeResult {
  readonly local: string
  /** milliseconds between two packets, by the peer they were sent to or came from */
  readonly sent: Readonly<Record<string, number[]>>
  readonly received: Readonly<Record<string, number[]>>
  /** sessions that went from Up to another state, by peer */
  readonly downs: Readonly<Record<string, number>>
}

const interval = 100
const settings = { ...defaultSettings, receiveInterval: interval, transmitInterval: interval }
/** After all are Up, Polls have to end and the code has to get warm. */
const warmUp = 2000

class Gaps {
  readonly byPeer: Record<string, number[]> = {}
  readonly #last = new Map<string, number>()
  counting = false

  at(peer: string): void {
    const now = performance.now()
    const last = this.#last.get(peer)
    this.#last.set(peer, now)
    if (this.counting && last !== undefined) (this.byPeer[peer] ??= []).push(now - last)
  }
}

function run(local: string, seconds: number, peers: readonly string[]): void {
  threadPriority(systemClock).start()
  const sent = new Gaps()
  const received = new Gaps()
  const edge = new BfdEdge({
    clock: systemClock,
    random: Math.random,
    post: () => {},
    log: (level, message, fields) => process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`),
    port: (onDatagram): BfdPort => {
      const port = new UdpBfdPort(
        (datagram) => {
          received.at(datagram.remote)
          onDatagram(datagram)
        },
        (error) => process.stderr.write(`${error.message}\n`),
      )
      return {
        afterArrivals: (done) => port.afterArrivals(done),
        open: (path, sourcePort, onSendError, onRefused) => {
          const channel = port.open(path, sourcePort, onSendError, onRefused)
          return {
            ...channel,
            send: (payload) => {
              sent.at(path.remote)
              channel.send(payload)
            },
          }
        },
      }
    },
  })
  edge.start()
  const handles = peers.map((remote) =>
    edge.sessions.acquire({ local, remote, multihop: false, settings, client: 'bench' }, () => {
      if (sent.counting || handles.some((handle) => handle.status().state !== 'Up')) return
      process.stdout.write('up\n')
    }),
  )
  const downs = (): [string, number][] =>
    handles.map((handle) => [handle.status().remote, handle.status().counters.downEvents])
  process.stdin.once('data', () => {
    systemClock.setTimeout(() => {
      const before = new Map(downs())
      sent.counting = true
      received.counting = true
      systemClock.setTimeout(() => {
        const result: NodeResult = {
          local,
          sent: sent.byPeer,
          received: received.byPeer,
          downs: Object.fromEntries(downs().map(([peer, count]) => [peer, count - (before.get(peer) ?? 0)])),
        }
        process.stdout.write(`${JSON.stringify(result)}\n`)
      }, seconds * 1000)
    }, warmUp)
  })
}

if (isMainThread) {
  const [local, seconds, ...peers] = process.argv.slice(2)
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { local, seconds: Number(seconds), peers },
    stdin: true,
  })
  process.stdin.pipe(worker.stdin!)
} else {
  const { local, seconds, peers } = workerData as { local: string; seconds: number; peers: string[] }
  run(local, seconds, peers)
}

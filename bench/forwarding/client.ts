/** Runs in the namespace of a client: makes connections as told, one request at a time or several. */
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { getOption, type SocketOption } from '#raw-socket/libc.ts'
import type { ClientRequest, ClientResponse, Reached, Target } from './messages.ts'
import { monotonic } from './monotonic.ts'

/** While there is nothing yet, a lost SYN must not wait for a whole second. */
const SHORT_MS = 40
/** Attempts follow each other at this share of the time that has passed: precise early, cheap late. */
const PAUSE_SHARE = 0.02
const LONGEST_PAUSE_MS = 25
const GIVE_UP_MS = 300_000
/** How many targets are asked for at the same time. */
const AT_ONCE = 4

/** IPPROTO_TCP, TCP_INFO; tcpi_rtt at 68 is the time of the handshake while nothing else was sent. */
const TCP_INFO = [6, 11] as unknown as SocketOption
const RTT_OFFSET = 68

/** What the pod said, '' when there was no answer. */
function ask({ host, port }: Target, attemptMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const done = (said: string) => {
      clearTimeout(limit)
      // A reset leaves nothing behind, neither here nor in the node's connection tracking.
      if (said === '') socket.destroy()
      else socket.resetAndDestroy()
      resolve(said)
    }
    const limit = setTimeout(() => done(''), attemptMs)
    socket.on('data', (chunk) => done(String(chunk)))
    socket.on('error', () => done(''))
  })
}

async function reach(
  targets: readonly (Target & { readonly pods?: readonly string[] })[],
  attemptMs: number,
): Promise<Reached> {
  const from = monotonic()
  let next = 0
  let attempts = 0
  let failures = 0
  let at = from
  const one = async (target: Target, pods: ReadonlySet<string> | undefined): Promise<void> => {
    for (;;) {
      const said = await ask(target, attemptMs)
      attempts++
      if (said === '') failures++
      const now = monotonic()
      if (said !== '' && (pods?.has(said) ?? true)) {
        at = Math.max(at, now)
        return
      }
      if (now - from > GIVE_UP_MS) throw new Error(`${target.host}: no such answer in ${GIVE_UP_MS} ms`)
      await delay(Math.min((now - from) * PAUSE_SHARE, LONGEST_PAUSE_MS))
    }
  }
  const worker = async () => {
    while (next < targets.length) {
      const target = targets[next++]
      await one(target, target.pods && new Set(target.pods))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { at, attempts, failures }
}

function handshake({ host, port }: Target): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    socket.once('connect', () => {
      const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
      resolve(getOption(fd, TCP_INFO, RTT_OFFSET + 4).readUInt32LE(RTT_OFFSET))
      close(socket)
    })
    socket.once('error', reject)
  })
}

function close(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.resetAndDestroy()
}

async function answer(request: ClientRequest): Promise<ClientResponse> {
  const { id } = request
  if (request.kind !== 'handshake') {
    const limit = request.kind === 'reach' ? request.limit : SHORT_MS
    return { id, kind: 'reached', reached: await reach(request.targets, limit) }
  }
  const lists = request.lists.map((): number[] => [])
  for (let index = 0; index < request.lists[0].length; index++) {
    for (const [list, targets] of request.lists.entries()) lists[list].push(await handshake(targets[index]))
  }
  return { id, kind: 'handshakes', lists }
}

process.on('message', (request: ClientRequest) => {
  answer(request)
    .catch((error: unknown): ClientResponse => ({ id: request.id, kind: 'error', message: String(error) }))
    .then((response) => process.send?.(response))
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')

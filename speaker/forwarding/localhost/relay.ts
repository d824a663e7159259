import { connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Listening } from '../health/listeners.ts'
import type { Target } from './local-ports.ts'

/** An endpoint that does not answer for so long is given up for another one. */
const CONNECT_MS = 2000
/** Neither side may vanish unnoticed for ever, though a connection may be silent for as long as it likes. */
const KEEP_ALIVE_MS = 60_000

const options = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
} as const

/**
 * Listens for connections and hands them over with nothing read from them yet. Closing it lets go of the port and
 * leaves the connections alone.
 * @throws (rejects) Node's system errors of `listen`, such as EADDRINUSE
 */
export function openTcp(
  host: string,
  port: number,
  accept: (client: Socket) => void,
): Promise<Listening & { readonly port: number }> {
  const server = createServer({ ...options, pauseOnConnect: true }, accept)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      // accept() may fail later for want of descriptors; the next connection is tried all the same.
      server.on('error', () => {})
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        // The port is free as soon as close() was called; its callback would wait for the connections.
        close: async () => void server.close(),
      })
    })
  })
}

/**
 * Connects a client to the first target that takes it and passes bytes both ways until both have ended; one side may
 * end before the other, and the slower one sets the pace. A reset on one side is a reset on the other.
 *
 * @param client paused, nothing read from it: until a target has taken it, another can be tried
 * @param taken told which target it is
 * @returns false when no target took it, and the client was reset for it
 */
export async function relay(
  client: Socket,
  targets: readonly Target[],
  taken: (target: Target) => void,
): Promise<boolean> {
  client.on('error', () => {})
  for (const target of targets) {
    const endpoint = await connectTo(target, client)
    if (endpoint === undefined) continue
    taken(target)
    await join(client, endpoint)
    return true
  }
  const gone = client.destroyed
  client.resetAndDestroy()
  return gone
}

/** undefined when the target does not take the connection, or the client does not want it any more */
function connectTo({ address, port }: Target, client: Socket): Promise<Socket | undefined> {
  if (client.destroyed) return Promise.resolve(undefined)
  const endpoint = connect({ ...options, host: address, port })
  return new Promise((resolve) => {
    const settle = (socket: Socket | undefined) => {
      client.off('close', giveUp)
      endpoint.setTimeout(0)
      endpoint.off('timeout', giveUp)
      if (socket === undefined) endpoint.destroy()
      resolve(socket)
    }
    const giveUp = () => settle(undefined)
    client.once('close', giveUp)
    endpoint.setTimeout(CONNECT_MS, giveUp)
    endpoint.on('error', giveUp)
    endpoint.once('connect', () => settle(endpoint))
  })
}

async function join(client: Socket, endpoint: Socket): Promise<void> {
  resetTogether(client, endpoint)
  resetTogether(endpoint, client)
  // Each direction ends by itself; an error in one destroys both sockets and ends the other, too.
  await Promise.allSettled([pipeline(client, endpoint), pipeline(endpoint, client)])
}

/** Before the pipelines, which would close the other side as if nothing were wrong. */
const resetTogether = (one: Socket, other: Socket): void =>
  void one.prependListener('error', () => other.resetAndDestroy())

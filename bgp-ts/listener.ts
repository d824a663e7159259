import { createServer } from 'node:net'
import { formatAddress, type Address } from '#inet/address.ts'
import type { Connection } from './connection.ts'
import type { Session } from './session.ts'
import { connectionOver } from './transport.ts'
import { ceaseMessage, encodeNotification } from './wire/notification.ts'

/** Where connections of peers come in. */
export interface Listener {
  /** Takes no more connections; those that it handed over stay. */
  close(): void
}

/** RFC 4486 4: Connection Rejected */
const rejected = 5

/** Hands a connection to the session of whoever opened it; one of nobody's is refused with Cease 6/5. */
export function dispatchConnection(
  connection: Connection,
  sessionOf: (remote: Address) => Session | undefined,
): void {
  const { remoteAddress } = connection
  const session = remoteAddress && sessionOf(remoteAddress)
  if (session !== undefined) return session.accept(connection)
  connection.write(encodeNotification(ceaseMessage(rejected)))
  void connection.close()
}

/**
 * Listens with plain `node:net`: without TCP MD5 and without a minimum TTL, so not for peers that have one of them.
 * @param address of ours, `0.0.0.0` or `::` for all of its family
 * @throws the system's error when the port cannot be had
 */
export async function listenPlain(
  { address, port }: { readonly address: Address; readonly port: number },
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => onConnection(connectionOver(socket)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: formatAddress(address), port, ipv6Only: true }, resolve)
  })
  return { close: () => void server.close() }
}

import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:http'
import { isIPv6 } from 'node:net'
import type { Family } from '#inet/address.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openTcpListener } from '#raw-socket/tcp.ts'
import { openUdpDescriptor } from '#raw-socket/udp.ts'
import type { EchoAnswer, EchoIdentity, EchoPod } from './echo-messages.ts'

const ANY = { 4: '0.0.0.0', 6: '::' } as const

/** All servers of one pod. */
export class EchoServers {
  readonly #servers: Server[] = []
  readonly #sockets: Socket[] = []

  /**
   * Opens one socket for each port and family inside the pod's network namespace; they are served from here.
   * @throws SystemError when one cannot be had; those opened before are closed again
   */
  constructor(pod: EchoPod) {
    const opened: { protocol: 'TCP' | 'UDP'; family: Family; fd: number }[] = []
    inNetworkNamespace(pod.networkNamespace, () => {
      for (const { protocol, port } of pod.ports) {
        for (const family of pod.families) {
          const local = { address: ANY[family], port }
          const fd = protocol === 'TCP' ? openTcpListener({ family, local }) : openUdpDescriptor({ local })
          opened.push({ protocol, family, fd })
        }
      }
    })
    for (const { protocol, family, fd } of opened) {
      if (protocol === 'TCP') this.#servers.push(serveHttp(fd, pod.identity))
      else this.#sockets.push(serveUdp(fd, family, pod.identity))
    }
  }

  close(): void {
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
    for (const socket of this.#sockets) socket.close()
  }
}

function serveHttp(fd: number, identity: EchoIdentity): Server {
  const server = createServer((request, response) => {
    const { remoteAddress = '', remotePort = 0 } = request.socket
    let octets = 0
    request.on('data', (chunk: Buffer) => (octets += chunk.length))
    request.on('end', () => {
      const answer: EchoAnswer = {
        ...identity,
        client: endpoint(remoteAddress, remotePort),
        protocol: 'TCP',
        octets,
        path: request.url ?? '',
        headers: request.headers,
      }
      const body = `${JSON.stringify(answer)}\n`
      const length = Buffer.byteLength(body)
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
      response.end(request.method === 'HEAD' ? undefined : body)
    })
  })
  // What a pod does with odd clients is of no interest; its servers must not end for them.
  server.on('clientError', (_error, socket) => socket.destroy())
  // A connection that a test keeps ends when the test ends it, not after five seconds of silence.
  server.keepAliveTimeout = 0
  return server.listen({ fd })
}

function serveUdp(fd: number, family: Family, identity: EchoIdentity): Socket {
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  socket.on('message', ({ length: octets }, from) => {
    const client = endpoint(from.address, from.port)
    const answer: EchoAnswer = { ...identity, client, protocol: 'UDP', octets }
    const text = `${JSON.stringify(answer)}\n`.padEnd(octets)
    socket.send(text, from.port, from.address, () => undefined)
  })
  socket.on('error', (error) => console.error(`udp ${identity.namespace}/${identity.pod}: ${error.message}`))
  return socket.bind({ fd })
}

/** Link-local addresses come with a zone, which means nothing to the reader. */
const endpoint = (address: string, port: number): string => {
  const plain = address.split('%')[0]
  return isIPv6(plain) ? `[${plain}]:${port}` : `${plain}:${port}`
}

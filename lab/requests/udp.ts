import type { Family } from '#inet/address.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openUdpSocket } from '#raw-socket/udp.ts'
import type { Answer, Question } from './messages.ts'
import { DEFAULT_LIMIT_MS } from './tcp.ts'

const ANY = { 4: '0.0.0.0', 6: '::' } as const

/** One datagram and its answer. The socket is connected, so that an ICMP error is the answer's error. */
export function askOverUdp(path: string, family: Family, question: Question): Promise<Answer> {
  const { to, port, sourceAddress = ANY[family], sourcePort = 0, octets = 1 } = question
  const local = { address: sourceAddress, port: sourcePort }
  const socket = inNetworkNamespace(path, () => openUdpSocket({ local, reuseAddress: true }))
  return new Promise((resolve) => {
    const done = (answer: Answer) => {
      clearTimeout(timer)
      socket.removeAllListeners('error').on('error', () => undefined)
      socket.close()
      resolve(answer)
    }
    const fail = (error: Error | null | undefined) => {
      if (error) done({ error: (error as NodeJS.ErrnoException).code ?? error.message })
    }
    const timer = setTimeout(() => done({ error: 'timeout' }), question.limit ?? DEFAULT_LIMIT_MS)
    socket.on('error', fail)
    socket.on('message', (data) => done(JSON.parse(String(data)) as Answer))
    socket.connect(port, to, (error?: Error) => {
      if (error) fail(error)
      else socket.send('.'.repeat(octets), fail)
    })
  })
}

import type { Socket } from 'node:net'
import type { Family } from '#inet/address.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { connectTcp } from '#raw-socket/tcp.ts'
import type { Answer, Question } from './messages.ts'

/** HTTP by hand: the connection must be opened in another network namespace, and perhaps kept. */

const ANY = { 4: '0.0.0.0', 6: '::' } as const

/** Opens a connection in a network namespace. @throws SystemError at once when it cannot even be begun */
export function openConnection(path: string, family: Family, question: Question): Socket {
  const { to, port, sourceAddress, sourcePort } = question
  const local =
    sourceAddress === undefined && sourcePort === undefined
      ? {}
      : { local: { address: sourceAddress ?? ANY[family], port: sourcePort ?? 0 } }
  const options = { family, ...local, reuseAddress: true, remote: { address: to, port } }
  return inNetworkNamespace(path, () => connectTcp(options))
}

/**
 * One request on a connection, which the caller keeps or ends. Its error is the answer's.
 * @param keep the server must not close the connection either
 */
export function requestOver(socket: Socket, question: Question, keep: boolean): Promise<Answer> {
  return new Promise((resolve) => {
    let text = ''
    const done = (answer: Answer) => {
      clearTimeout(timer)
      socket.off('data', receive).off('error', fail).off('close', closed)
      // A later error of a kept connection is found by the next request.
      socket.on('error', () => undefined)
      resolve(answer)
    }
    const receive = (chunk: string) => {
      text += chunk
      const answer = parseResponse(text)
      if (answer !== undefined) done(answer)
    }
    const fail = (error: NodeJS.ErrnoException) => done({ error: error.code ?? error.message })
    const closed = () => done({ error: 'closed' })
    const timer = setTimeout(() => done({ error: 'timeout' }), question.limit ?? DEFAULT_LIMIT_MS)
    if (socket.destroyed) return closed()
    socket.setEncoding('utf8').on('data', receive).on('error', fail).on('close', closed)
    socket.write(requestText(question, keep))
  })
}

export const DEFAULT_LIMIT_MS = 2000

function requestText({ to, path = '/', octets = 0 }: Question, keep: boolean): string {
  const head = [
    `${octets === 0 ? 'GET' : 'POST'} ${path} HTTP/1.1`,
    `Host: ${to.includes(':') ? `[${to}]` : to}`,
    `Connection: ${keep ? 'keep-alive' : 'close'}`,
    ...(octets === 0 ? [] : [`Content-Length: ${octets}`]),
  ]
  return `${head.join('\r\n')}\r\n\r\n${'.'.repeat(octets)}`
}

/** undefined until the response is complete. Its length must be given, as echo and health servers do. */
export function parseResponse(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const head = text.slice(0, end)
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  const body = text.slice(end + 4)
  if (Buffer.byteLength(body) < length) return undefined
  const status = Number(head.split(' ', 2)[1])
  try {
    const said = JSON.parse(body) as Answer
    return said.pod === undefined ? { status, body } : { status, ...said }
  } catch {
    return { status, body }
  }
}

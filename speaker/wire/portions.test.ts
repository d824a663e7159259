import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { FakeConnection } from '#bgp-ts/testing.ts'
import { portion, PortionedConnection } from './portions.ts'

let socket: FakeConnection
let connection: PortionedConnection
/** lengths of what came, and what else happened */
let seen: (number | string)[]
let octets: Buffer

beforeEach(() => {
  seen = []
  octets = Buffer.alloc(0)
  socket = new FakeConnection()
  connection = new PortionedConnection(socket, {
    pause: () => seen.push('pause'),
    resume: () => seen.push('resume'),
  })
  connection.onData((chunk) => {
    seen.push(chunk.length)
    octets = Buffer.concat([octets, chunk])
  })
  connection.onClose((error) => seen.push(`close ${error?.code ?? 'in order'}`))
})

const numbered = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => index & 255))

test('what is short comes at once', async () => {
  socket.receive(numbered(19))
  expect(seen).toEqual([19])
  await nextTurn()
  socket.receive(numbered(portion))
  expect(seen).toEqual([19, portion])
  await nextTurn()
  expect(seen).toEqual([19, portion])
})

test('what is long comes a portion a turn, while the socket is paused', async () => {
  const sent = numbered(2 * portion + 10)
  socket.receive(sent)
  // Was on its way already.
  socket.receive(numbered(5))
  expect(seen).toEqual([portion, 'pause'])
  await nextTurn()
  expect(seen).toEqual([portion, 'pause', portion])
  await nextTurn()
  await nextTurn()
  expect(seen).toEqual([portion, 'pause', portion, 10, 5, 'resume'])
  expect(octets).toEqual(Buffer.concat([sent, numbered(5)]))
  socket.receive(numbered(7))
  await nextTurn()
  expect(seen.at(-1)).toBe(7)
})

test('what came before the end is handed on before it', () => {
  socket.receive(numbered(3 * portion))
  socket.ended({ code: 'ECONNRESET', message: 'reset' })
  expect(seen).toEqual([portion, 'pause', portion, portion, 'resume', 'close ECONNRESET'])
})

test('after close nothing comes any more, and the socket reads to its end', async () => {
  socket.receive(numbered(3 * portion))
  await connection.close()
  expect(seen).toEqual([portion, 'pause', 'resume'])
  await nextTurn()
  await nextTurn()
  expect(seen).toHaveLength(3)
})

test('the listener may close the connection', async () => {
  connection.onData((chunk) => {
    seen.push(chunk.length)
    void connection.close()
  })
  socket.receive(numbered(3 * portion))
  socket.ended()
  await nextTurn()
  expect(seen).toEqual([portion])
})

import koffi from 'koffi'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { closeDescriptor, receive, socketName } from './libc.ts'
import { openPolls, pollReadable, type Poll } from './poll-handle.ts'
import { openUdpDescriptor } from './udp.ts'

const client = createSocket('udp4')
const buffer = Buffer.alloc(64)
const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A UDP socket of this room, and a way to send to it. */
function target(): { fd: number; send: (text: string) => void } {
  const fd = openUdpDescriptor({ local: { address: '127.0.0.1', port: 0 } })
  const port = socketName(fd).readUInt16BE(2)
  return { fd, send: (text) => client.send(text, port, '127.0.0.1') }
}

function watch(fd: number, onReadable: () => void): Poll {
  const poll = pollReadable(fd, onReadable)
  closing.push(() => {
    poll.close()
    closeDescriptor(fd)
  })
  return poll
}

test('a poll that the caller forgot survives garbage collection, unlike one of koffi', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { fd, send } = target()
  const received = new Promise<number>((resolve) => {
    // The result is dropped on purpose.
    pollReadable(fd, () => resolve(receive(fd, buffer)))
  })
  const unheld = koffiPoll(openUdpDescriptor({ local: { address: '127.0.0.1', port: 0 } }))
  // Collection goes on between turns of the loop; that koffi's handle went shows that it was thorough.
  for (let turn = 0; unheld.deref() !== undefined; turn++) {
    expect(turn).toBeLessThan(100)
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  send('alive')
  expect(await received).toBe(5)
})

const koffiPoll = (fd: number): WeakRef<object> =>
  new WeakRef(koffi.node.poll(fd, { readable: true }, () => {}))

test('promise reactions run after the callback although nothing else happens', async () => {
  const { fd, send } = target()
  const text = new Promise<string>((resolve) => {
    watch(fd, () => resolve(buffer.toString('utf8', 0, receive(fd, buffer))))
  })
  const answered = text.then((value) => `${value}!`)
  send('hello')
  expect(await answered).toBe('hello!')
})

test('an exception in the callback is an ordinary uncaught exception', async () => {
  const { fd, send } = target()
  watch(fd, () => {
    receive(fd, buffer)
    throw new Error('in a callback')
  })
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const caught = once(process, 'uncaughtException')
  send('x')
  const [error] = await caught
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect(error).toMatchObject({ message: 'in a callback' })
})

test('closing ends the watching, and may be repeated', () => {
  const before = openPolls()
  const { fd } = target()
  const poll = watch(fd, () => {})
  expect(openPolls()).toBe(before + 1)
  poll.close()
  poll.close()
  expect(openPolls()).toBe(before)
})

import { expect, test } from 'vitest'
import { NetlinkWriter, parseMessages } from '#raw-socket/netlink/message.ts'
import type { NetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { encodeOperations } from './encode.ts'
import { listSet } from './table-state.ts'

/** The body of an answer that lists these addresses. */
function listing(...keys: string[]): Buffer {
  const writer = new NetlinkWriter()
  encodeOperations(
    {
      begin: (type, flags, family) => writer.begin(type, flags, 1).u8(family).u8(0).u16be(0),
      end: () => void writer.end(),
      length: 0,
      count: 0,
    },
    keys.map((key) => ({ do: 'add', family: 4, collection: 'cluster-ips', key, value: '' })),
  )
  return parseMessages(Buffer.from(writer.finish()))[0].body
}

const kernel = (...answers: Buffer[]) => {
  const socket = { dump: () => Promise.resolve([answers.shift() as Buffer]) } as Partial<NetfilterSocket>
  return { socket: socket as NetfilterSocket, left: () => answers.length }
}
const twice = listing('10.96.0.1', '10.96.0.2', '10.96.0.1')
const right = listing('10.96.0.1', '10.96.0.2', '10.96.0.3')

test('a listing in which an element comes twice may lack others: it is taken again', async () => {
  const { socket, left } = kernel(twice, twice, right, right)
  expect(await listSet(socket, 4, 'cluster-ips')).toHaveLength(3)
  expect(left()).toBe(1)
})

test('but not for ever', async () => {
  const { socket } = kernel(...Array.from({ length: 9 }, () => twice))
  await expect(listSet(socket, 4, 'cluster-ips')).rejects.toMatchObject({ code: 'FL_SYS_DUMP_INTERRUPTED' })
})

test('where it does not matter it is taken as it is', async () => {
  const { socket } = kernel(twice)
  expect(await listSet(socket, 4, 'affinity', true)).toHaveLength(3)
})

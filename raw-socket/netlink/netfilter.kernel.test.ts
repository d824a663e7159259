import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { cleanup, createNetns, must, until, type Netns } from '../../test/netns.ts'
import { inNetworkNamespace } from '../namespace.ts'
import {
  messageFlags,
  parseAttributeList,
  parseAttributes,
  parseNested,
  type NetlinkWriter,
} from './message.ts'
import {
  nfFamilies,
  nftMessages,
  openNetfilterSocket,
  type GenerationEvent,
  type NetfilterBatch,
  type NetfilterSocket,
} from './netfilter.ts'

let ns: Netns
let socket: NetfilterSocket

beforeAll(async () => {
  ns = await createNetns('netfilter')
})
afterAll(cleanup)

beforeEach(async () => {
  await must(ns, 'nft', ['-f', '-'], 'flush ruleset; add table ip lb; add set ip lb ids { type mark; }')
  socket = inNetworkNamespace(ns.path, openNetfilterSocket)
})
afterEach(() => socket.close())

const { create } = messageFlags

/** One message with elements of the set `ids`: NFTA_SET_ELEM_LIST_{TABLE,SET,ELEMENTS}, values in host order. */
function elements(
  batch: NetfilterBatch,
  type: number,
  flags: number,
  values: readonly number[],
  set = 'ids',
): void {
  const writer = batch.begin(type, flags, nfFamilies.ipv4)
  writer.attributeString(1, 'lb').attributeString(2, set).open(3)
  for (const value of values) writer.open(1).open(1).attributeU32(1, value).close().close()
  writer.close()
  batch.end()
}

const add = (values: readonly number[], set?: string) => (batch: NetfilterBatch) =>
  elements(batch, nftMessages.newSetElem, create, values, set)

async function listed(): Promise<number[]> {
  const { nftables } = JSON.parse(await must(ns, 'nft', ['-j', 'list', 'set', 'ip', 'lb', 'ids'])) as {
    nftables: { set?: { elem?: number[] } }[]
  }
  return nftables.flatMap(({ set }) => set?.elem ?? []).sort((a, b) => a - b)
}

test('elements are added and deleted, and nft lists them', async () => {
  await socket.apply(add([1, 2, 3]))
  expect(await listed()).toEqual([1, 2, 3])
  await socket.apply((batch) => {
    elements(batch, nftMessages.delSetElem, 0, [2])
    elements(batch, nftMessages.newSetElem, create, [7])
  })
  expect(await listed()).toEqual([1, 3, 7])
})

test('a transaction with one bad message leaves nothing and says which it was', async () => {
  const failing = socket.apply((batch) => {
    elements(batch, nftMessages.newSetElem, create, [1])
    elements(batch, nftMessages.delSetElem, 0, [99])
    elements(batch, nftMessages.newSetElem, create, [2])
  })
  await expect(failing).rejects.toMatchObject({
    code: 'FL_SYS_NETLINK',
    errnoName: 'ENOENT',
    index: 1,
  })
  expect(await listed()).toEqual([])
  await socket.apply(add([5]))
  expect(await listed()).toEqual([5])
})

test('the last message may be the bad one, and so may the only one', async () => {
  const both = socket.apply((batch) => {
    add([1])(batch)
    add([1], 'nosuch')(batch)
  })
  await expect(both).rejects.toMatchObject({ errnoName: 'ENOENT', index: 1 })
  await expect(socket.apply(add([1], 'nosuch'))).rejects.toMatchObject({ errnoName: 'ENOENT', index: 0 })
  await socket.apply(add([1]))
  const exclusive = socket.apply((batch) => {
    elements(batch, nftMessages.newSetElem, create | messageFlags.exclusive, [1])
  })
  await expect(exclusive).rejects.toMatchObject({ errnoName: 'EEXIST', index: 0 })
})

test('every message may be bad: the first counts', async () => {
  const failing = socket.apply((batch) => {
    for (let value = 0; value < 500; value++) elements(batch, nftMessages.delSetElem, 0, [value])
  })
  await expect(failing).rejects.toMatchObject({ errnoName: 'ENOENT', index: 0 })
})

test('no message: nothing is sent; an exception in the builder: nothing either', async () => {
  const before = await socket.generation()
  await socket.apply(() => {})
  const failing = socket.apply((batch) => {
    add([1])(batch)
    throw new Error('changed my mind')
  })
  await expect(failing).rejects.toThrow('changed my mind')
  expect(await socket.generation()).toBe(before)
  await socket.apply(add([4]))
  expect(await socket.generation()).toBe(before + 1)
  expect(await listed()).toEqual([4])
})

test('transactions that wait for one another are applied in order', async () => {
  const outcomes = await Promise.allSettled([
    socket.apply(add([1])),
    socket.apply((batch) => elements(batch, nftMessages.delSetElem, 0, [1])),
    socket.apply((batch) => elements(batch, nftMessages.delSetElem, 0, [1])),
    socket.apply(add([2])),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  expect(await listed()).toEqual([2])
})

/** Values of the set elements in the answers of a dump. */
function values(bodies: readonly Buffer[]): number[] {
  const lists = bodies.map((body) => parseAttributes(body.subarray(4)).get(3) ?? Buffer.alloc(0))
  const items = lists.flatMap((list) => parseAttributeList(list))
  return items.map(({ payload }) => parseNested(parseAttributes(payload), 1).get(1)?.readUInt32LE() ?? -1)
}

const ids = (writer: NetlinkWriter): void => void writer.attributeString(1, 'lb').attributeString(2, 'ids')

test('20,000 elements in one transaction, listed again', async () => {
  const wanted = Array.from({ length: 20_000 }, (_, index) => index + 1)
  await socket.apply((batch) => {
    for (let at = 0; at < wanted.length; at += 1000) add(wanted.slice(at, at + 1000))(batch)
  })
  // The kernel enlarges its hash table for some milliseconds after this, and listings are wrong meanwhile.
  await until('a listing with every element once', async () => {
    const bodies = await socket.dump(nftMessages.getSetElem, nfFamilies.ipv4, ids)
    expect(bodies.length).toBeGreaterThan(1)
    return (
      values(bodies)
        .sort((a, b) => a - b)
        .join() === wanted.join()
    )
  })
})

test('lists tables and sets; what is not there is an error', async () => {
  const tables = await socket.dump(nftMessages.getTable, nfFamilies.unspec)
  expect(tables.map((body) => parseAttributes(body.subarray(4)).get(1)?.toString())).toEqual(['lb\0'])
  const sets = await socket.dump(nftMessages.getSet, nfFamilies.ipv4, (writer) => {
    writer.attributeString(1, 'lb')
  })
  expect(sets.map((body) => parseAttributes(body.subarray(4)).get(2)?.toString())).toEqual(['ids\0'])
  const missing = socket.dump(nftMessages.getSetElem, nfFamilies.ipv4, (writer) => {
    writer.attributeString(1, 'lb').attributeString(2, 'nosuch')
  })
  await expect(missing).rejects.toMatchObject({ code: 'FL_SYS_NETLINK', errnoName: 'ENOENT' })
})

test('too much for one transaction is refused before it is sent', async () => {
  expect(socket.maxBatch).toBeGreaterThan(100_000)
  const failing = socket.apply((batch) => {
    const blob = new Uint8Array(60_000)
    const writer = batch.begin(nftMessages.newTable, create, nfFamilies.ipv4)
    while (batch.length <= socket.maxBatch) writer.attribute(6, blob)
    batch.end()
  })
  await expect(failing).rejects.toMatchObject({ code: 'FL_SYS_TOO_LONG' })
  await socket.apply(add([1]))
})

test('tells changes of its own from those of others', async () => {
  const events: (GenerationEvent | 'overrun')[] = []
  const watch = socket.watch((event) => events.push(event))
  await socket.apply(add([1]))
  await must(ns, 'nft', ['add', 'element', 'ip', 'lb', 'ids', '{ 2 }'])
  await until('two events', () => events.length === 2)
  const generation = await socket.generation()
  expect(events).toEqual([
    expect.objectContaining({ own: true, generation: generation - 1, tables: [] }),
    expect.objectContaining({
      own: false,
      generation,
      processName: 'nft',
      tables: [{ family: nfFamilies.ipv4, name: 'lb' }],
    }),
  ])
  watch.close()
})

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { cleanup, connect, createNetns, must, until, type Netns } from '../../test/netns.ts'
import { GroupSocket } from './group-socket.ts'

let ns: Netns
let told: string[]
let sockets: GroupSocket

beforeAll(async () => {
  ns = await createNetns('groups')
  const other = await createNetns('groups-peer')
  await connect({ ns, device: 'eth0' }, { ns: other, device: 'eth0' })
})
afterAll(cleanup)
afterEach(() => sockets.close())

const group = (index: number): string => `ff02::1:ff00:${(index + 1).toString(16)}`
const groups = (count: number): string[] => Array.from({ length: count }, (_, index) => group(index))
const open = (): void => {
  told = []
  sockets = new GroupSocket('eth0', (name, refused) => {
    const code = (refused as NodeJS.ErrnoException | undefined)?.code
    told.push(`${name} ${refused === undefined ? 'joined' : code}`)
  })
}
const here = (run: () => void): void => inNetworkNamespace(ns.path, run)
/** Option memory of a socket; a group takes some 56 octets. */
const allow = (octets: number) => must(ns, 'sh', ['-c', `echo ${octets} > /proc/sys/net/core/optmem_max`])
const joined = async (): Promise<string[]> => {
  const text = await must(ns, 'ip', ['maddress', 'show', 'dev', 'eth0'])
  return [...text.matchAll(/ff02::1:ff00:[0-9a-f]{1,3}\b/g)].map(([name]) => name).sort()
}
const openSockets = async (): Promise<number> =>
  (await must(ns, 'sh', ['-c', 'tail -n +2 /proc/net/udp6'])).split('\n').filter(Boolean).length

test('more groups than one socket may join: further sockets, and none that is not needed', async () => {
  await allow(1024)
  open()
  here(() => groups(100).forEach((name) => sockets.join(name)))
  expect(await joined()).toEqual(groups(100).sort())
  expect(told).toEqual([])
  expect(await openSockets()).toBeGreaterThan(2)
  // The right socket leaves, and the room is used again.
  const before = await openSockets()
  here(() => {
    for (const name of groups(5)) sockets.leave(name)
    for (const name of groups(3)) sockets.join(name)
  })
  expect(await joined()).toEqual(
    groups(100)
      .filter((name) => name !== group(3) && name !== group(4))
      .sort(),
  )
  expect(await openSockets()).toBe(before)
  here(() => groups(100).forEach((name) => sockets.leave(name)))
  expect(await joined()).toEqual([])
  await until('all closed', async () => (await openSockets()) === 0)
  await allow(131_072)
})

test('no socket may join: that is told, and joined later', async () => {
  await allow(0)
  open()
  here(() => groups(3).forEach((name) => sockets.join(name)))
  expect(told).toEqual([0, 1, 2].map((index) => `${group(index)} ENOMEM`))
  here(() => sockets.leave(group(1)))
  await allow(131_072)
  told.length = 0
  here(() => expect(sockets.retry()).toBe(false))
  expect(told).toEqual([0, 2].map((index) => `${group(index)} joined`))
  expect(await joined()).toEqual([group(0), group(2)])
  expect(await openSockets()).toBe(1)
})

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { testConfig } from '#bgp-ts/testing.ts'
import { parseAddress } from '#inet/address.ts'
import { cleanup, connect, createNetns, must, spawnIn, until, type Netns } from '../../test/netns.ts'
import { WireRig } from './kernel-rig.ts'
import type { WirePeer } from './protocol.ts'

/** Peers that may connect, of one link and of anywhere. */

let node: Netns
let router: Netns
let wire: WireRig

beforeAll(async () => {
  node = await createNetns('listennode')
  router = await createNetns('listenrouter')
  await connect(
    { ns: node, device: 'eth0', mac: '02:00:00:00:00:0a', addresses: ['192.0.2.10/24', '2001:db8::10/64'] },
    { ns: router, device: 'eth0', mac: '02:00:00:00:00:0b', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
  )
})
afterAll(cleanup)
beforeEach(() => {
  wire = new WireRig('node-a')
  wire.start(node)
})
afterEach(async () => {
  await wire.host.stop()
  expect(wire.crashes).toEqual([])
})

/** One that does not answer us, but may call. */
const peer = (name: string, address: string, device?: string): WirePeer => ({
  ...testConfig,
  name,
  address: parseAddress(address),
  port: 1,
  connectRetryTime: 60_000,
  multihop: true,
  listen: true,
  ...(device !== undefined && { device }),
})
const linked = peer('linked', 'fe80::ff:fe00:b', 'eth0')
const routed = peer('routed', '2001:db8::1')

const listeners = async (): Promise<number> =>
  (await must(node, 'ss', ['-Hltn', 'sport = :179'])).split('\n').filter(Boolean).length

const update = async (sockets: number, ...peers: WirePeer[]): Promise<void> => {
  wire.send({ kind: 'peers', peers })
  await until('it listens', async () => (await listeners()) === sockets)
}

/** The router connects to an address of the node and stays. */
function call(host: string): void {
  spawnIn(router, process.execPath, ['-e', `require('net').connect({host:'${host}',port:179})`])
}
const accepted = (name: string): number => wire.session(name)?.counters.connectionsAccepted ?? 0

test.each([
  ['the device first', linked],
  ['the device last', routed],
])('a peer on a device and one on any, %s: each gets its own connections', async (_order, first) => {
  await update(1, first)
  await update(1, linked, routed)
  call('fe80::ff:fe00:a%eth0')
  await until('the one on the device', () => accepted('linked') === 1)
  call('2001:db8::10')
  await until('the other one', () => accepted('routed') === 1)
  expect(accepted('linked')).toBe(1)
  // The socket before it may not be gone at once; then it is tried again.
  await update(1, first)
})

test('families do not mind each other', async () => {
  await update(2, linked, peer('four', '192.0.2.1'))
  call('192.0.2.10')
  await until('accepted', () => accepted('four') === 1)
})

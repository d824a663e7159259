import { afterAll, beforeAll, expect, test } from 'vitest'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { cleanup, connect, createNetns, must, until, type Netns } from '../../test/netns.ts'
import type { BfdPath } from '../bfd/port.ts'
import { UdpBfdPort } from './bfd-port.ts'

let a: Netns
let b: Netns

beforeAll(async () => {
  a = await createNetns('bfd-a')
  b = await createNetns('bfd-b')
  await connect(
    { ns: a, device: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64', 'fe80::1/64'] },
    { ns: b, device: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64', 'fe80::2/64'] },
  )
})
afterAll(cleanup)

/** One end of a session in its own network, and what became of its packets. */
function open(ns: Netns, path: BfdPath, sourcePort: number) {
  const seen = { refused: 0, errors: [] as string[], heard: [] as string[] }
  const port = new UdpBfdPort(
    ({ payload }) => seen.heard.push(Buffer.from(payload).toString()),
    (error) => seen.errors.push(error.message),
  )
  const channel = inNetworkNamespace(ns.path, () =>
    port.open(
      path,
      sourcePort,
      (error) => seen.errors.push(error.message),
      () => seen.refused++,
    ),
  )
  return { ...channel, send: (text: string) => channel.send(Buffer.from(text)), seen }
}

const swap = ({ local, remote, ...rest }: BfdPath): BfdPath => ({ ...rest, local: remote, remote: local })

test.each<[string, Pick<BfdPath, 'family' | 'local' | 'remote' | 'multihop' | 'interface'>]>([
  ['IPv4', { family: 4, local: '192.0.2.1', remote: '192.0.2.2', multihop: false, interface: 'eth0' }],
  ['IPv6', { family: 6, local: '2001:db8::1', remote: '2001:db8::2', multihop: false, interface: 'eth0' }],
  ['multihop', { family: 4, local: '192.0.2.1', remote: '192.0.2.2', multihop: true }],
])(
  '%s: the peer is heard of when its process has ended, and no packet is lost for it',
  async (_name, ends) => {
    const path: BfdPath = { ...ends, minimumTtl: 255 }
    const own = open(a, path, 49_152)
    const peer = open(b, swap(path), 49_153)
    let sent = 0
    await until('packets arrive', () => {
      own.send(`first ${sent++}`)
      return peer.seen.heard.length > 2
    })
    expect(own.seen.refused).toBe(0)
    peer.close()
    await until('a refusal', () => {
      own.send('to nobody')
      return own.seen.refused > 0
    })
    const again = open(b, swap(path), 49_154)
    own.send('second')
    await until('the next process hears', () => again.seen.heard.includes('second'))
    expect([...own.seen.errors, ...peer.seen.errors, ...again.seen.errors]).toEqual([])
    for (const one of [own, again]) one.close()
  },
)

test('a route that goes and comes back stops nothing', async () => {
  const path: BfdPath = {
    family: 4,
    local: '192.0.2.1',
    remote: '198.51.100.2',
    multihop: true,
    minimumTtl: 255,
  }
  await must(b, 'ip', ['addr', 'add', '198.51.100.2/32', 'dev', 'eth0'])
  const peer = open(b, swap(path), 49_153)
  const own = open(a, path, 49_152)
  own.send('no way')
  await until('there is no route', () => own.seen.errors.length > 0)
  await must(a, 'ip', ['route', 'add', '198.51.100.2', 'via', '192.0.2.2'])
  await until('packets arrive', () => {
    own.send('one')
    return peer.seen.heard.includes('one')
  })
  peer.close()
  await until('a refusal', () => {
    own.send('to nobody')
    return own.seen.refused > 0
  })
  own.close()
})

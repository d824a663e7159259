import { connect, createNetns, must, type Netns } from '../netns.ts'
import { neighbors } from './neighbors.ts'

/** The speaker's link-local address on the cable, by its hardware address. */
export const cableLinkLocal = 'fe80::ff:fe00:a'

export interface Topology {
  /** where the speaker runs */
  readonly node: Netns
  /** where the router under test runs */
  readonly router: Netns
}

/**
 * A node and a router on one cable, a second cable without addresses but those that IPv6 makes, and a way of two
 * cables over a third machine.
 */
export async function buildTopology(prefix: string): Promise<Topology> {
  const node = await createNetns(`${prefix}node`)
  const router = await createNetns(`${prefix}router`)
  const forwarder = await createNetns(`${prefix}forwarder`)
  const ours = Object.values(neighbors).flatMap(({ remote, multihop, device }) =>
    multihop || device !== undefined ? [] : [`${remote}/${remote.includes(':') ? 64 : 24}`],
  )
  await connect(
    { ns: node, device: 'eth0', mac: '02:00:00:00:00:0a', addresses: ours },
    { ns: router, device: 'eth0', addresses: ['192.0.2.1/24', '192.0.2.3/24', '2001:db8::1/64'] },
  )
  await connect(
    { ns: node, device: 'eth1', mac: '02:00:00:00:00:0b' },
    { ns: router, device: 'eth1', mac: '02:00:00:00:00:0c' },
  )
  await connect(
    { ns: node, device: 'far0', addresses: ['198.18.0.10/24'] },
    { ns: forwarder, device: 'near', addresses: ['198.18.0.1/24'] },
  )
  await connect(
    { ns: router, device: 'far0', addresses: ['203.0.113.1/24'] },
    { ns: forwarder, device: 'beyond', addresses: ['203.0.113.254/24'] },
  )
  await must(forwarder, 'sh', ['-ec', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
  await must(node, 'ip', ['route', 'add', '203.0.113.0/24', 'via', '198.18.0.1'])
  await must(router, 'ip', ['route', 'add', '198.18.0.0/24', 'via', '203.0.113.254'])
  return { node, router }
}

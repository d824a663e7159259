import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { BgpPeer } from '#crds/config.ts'
import { bgpPeer, node, world } from '../test-world.ts'
import { planPeers, RESTART_TIME, routerIdOf } from './peers.ts'
import { forwardingPreserved } from './restart.ts'

const noSecrets = () => ({ problem: 'no Secrets here' })
const plan = (more: Partial<BgpPeer>, secrets: Parameters<typeof planPeers>[1] = noSecrets) =>
  planPeers(world({ config: { peers: [bgpPeer('router', more)] }, nodes: ['node1'] }), secrets)

describe('sessions of a node', () => {
  test('defaults', () => {
    expect(plan({})).toEqual([
      {
        name: 'router',
        localAS: 64500,
        peerAS: 64512,
        address: parseAddress('192.168.1.1'),
        port: 179,
        routerId: '192.168.1.11',
        hostname: 'node1',
        holdTime: 90_000,
        connectRetryTime: 5000,
        multihop: false,
        families: ['ipv4-unicast'],
      },
    ])
  })

  test('node selectors choose the nodes that hold it', () => {
    expect(plan({ nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'node2' } }] })).toEqual([])
    const either = ['node1', 'node2'].map((name) => ({ matchLabels: { 'kubernetes.io/hostname': name } }))
    expect(plan({ nodeSelectors: either })).toHaveLength(1)
  })

  test('localASN replaces myASN towards this peer', () => {
    expect(plan({ localASN: 65000 })[0].localAS).toBe(65000)
  })

  test('BFD as its profile says; a profile that is not there means none', () => {
    const profile = {
      name: 'fast',
      receiveInterval: 100,
      transmitInterval: 150,
      detectMultiplier: 4,
      echoInterval: 50,
      echoMode: false,
      passiveMode: true,
    }
    const planned = (bfdProfile: string) =>
      planPeers(
        world({
          config: { peers: [bgpPeer('router', { bfdProfile })], bfdProfiles: [profile] },
          nodes: ['node1'],
        }),
        noSecrets,
      )[0].bfd
    expect(planned('fast')).toEqual({
      receiveInterval: 100,
      transmitInterval: 150,
      detectMultiplier: 4,
      passive: true,
      minimumTtl: 1,
      echo: false,
    })
    expect(planned('slow')).toBeUndefined()
  })

  test('both families over one session: the node’s address of the other family is the next hop', () => {
    const dual = node('node1', { internalIPs: ['192.168.1.11', 'fd00::11'] })
    const [peer] = planPeers(
      world({ config: { peers: [bgpPeer('router', { dualStackAddressFamily: true })] }, nodes: [dual] }),
      noSecrets,
    )
    expect(peer.families).toEqual(['ipv4-unicast', 'ipv6-unicast'])
    expect(peer.nextHops).toEqual({ 6: parseAddress('fd00::11') })
  })

  test('a password from a Secret; without it the session stays down and says why', () => {
    const secret = { passwordSecret: { namespace: '', name: 'md5' } }
    expect(plan(secret, () => ({ password: 'x' }))[0]).toMatchObject({ password: 'x' })
    const [blocked] = plan(secret)
    expect(blocked.blocked).toBe('no Secrets here')
    expect(blocked.password).toBeUndefined()
  })

  test('unnumbered: both families, IPv4 over IPv6, and the address is for the wire thread to find', () => {
    expect(plan({ interface: 'eth0', peerAddress: undefined })[0]).toMatchObject({
      unnumbered: true,
      device: 'eth0',
      address: parseAddress('::'),
      families: ['ipv4-unicast', 'ipv6-unicast'],
      extendedNextHop: true,
    })
  })

  test('a VRF is the device that the session is bound to; an interface in it is nearer', () => {
    expect(plan({ vrf: 'red' })[0].device).toBe('red')
    expect(plan({ vrf: 'red', interface: 'eth0', peerAddress: undefined })[0].device).toBe('eth0')
  })

  test('both families over IPv6 on a node without IPv4 address', () => {
    const [peer] = planPeers(
      world({
        config: {
          peers: [bgpPeer('router', { peerAddress: parseAddress('fd00::1'), dualStackAddressFamily: true })],
        },
        nodes: [node('node1', { internalIPs: ['fd00::11'] })],
      }),
      noSecrets,
    )
    expect(peer).toMatchObject({ extendedNextHop: true })
    expect(peer).not.toHaveProperty('nextHops')
  })

  test('what is ours goes through as it is', () => {
    const ours = { ttlSecurity: 1, listen: true, role: 'customer', strictRole: true } as const
    expect(plan(ours)[0]).toMatchObject(ours)
  })

  test('several peers with AS numbers and identifiers of their own', () => {
    const peers = [
      bgpPeer('a', { myASN: 64501, routerID: '10.0.0.1' }),
      bgpPeer('b', { myASN: 64502, routerID: '10.0.0.2', peerAddress: parseAddress('192.168.1.2') }),
    ]
    const planned = planPeers(world({ config: { peers }, nodes: ['node1'] }), noSecrets)
    expect(planned.map(({ localAS, routerId, blocked }) => [localAS, routerId, blocked])).toEqual([
      [64501, '10.0.0.1', undefined],
      [64502, '10.0.0.2', undefined],
    ])
  })

  test.each([
    ['the same', {}, 'BGPPeer a is the same session on this node'],
    ['another source', { sourceAddress: parseAddress('192.168.1.12') }, undefined],
    ['another port', { peerPort: 1790 }, undefined],
    ['another VRF', { vrf: 'red' }, undefined],
  ])('two BGPPeers with one address, %s', (_name, more, blocked) => {
    const peers = [bgpPeer('a'), bgpPeer('b', more)]
    const planned = planPeers(world({ config: { peers }, nodes: ['node1'] }), noSecrets)
    expect(planned.map((peer) => peer.blocked)).toEqual([undefined, blocked])
  })

  test('an unnumbered peer with a source address', () => {
    const peer = { interface: 'eth0', peerAddress: undefined, sourceAddress: parseAddress('fd00::1') }
    expect(plan(peer)[0].blocked).toContain('sourceAddress does not go with interface')
  })

  test('a peer that is this node itself', () => {
    expect(plan({ peerAddress: parseAddress('192.168.1.11') })[0].blocked).toBe(
      "the peer address is this node's own",
    )
  })
})

describe('graceful restart', () => {
  const peer = (preserved: Parameters<typeof planPeers>[2], more: Partial<BgpPeer> = {}) =>
    planPeers(
      world({
        config: { peers: [bgpPeer('a', { enableGracefulRestart: true, ...more })] },
        nodes: ['node1'],
      }),
      noSecrets,
      preserved,
    )[0]

  test.each([true, false])('the peer keeps routes for 120 s; forwarding survived: %s', (preserved) => {
    expect(peer(preserved).gracefulRestart).toEqual({ restartTime: 120_000, forwardingPreserved: preserved })
    expect(peer(preserved, { enableGracefulRestart: false })).not.toHaveProperty('gracefulRestart')
  })

  test('nothing is said before it is known', () => {
    expect(peer('unknown').blocked).toContain('waiting to learn')
    expect(peer('unknown', { enableGracefulRestart: false }).blocked).toBeUndefined()
  })

  test.each([
    ['ours, not asked yet', { forwarding: true }, 1e9, 'unknown'],
    ['ours, found again', { forwarding: true, adopted: true }, 0, true],
    ['ours, empty after a boot', { forwarding: true, adopted: false }, 1e9, false],
    ['not ours, the node is up for long', { forwarding: false }, 120_001, true],
    ['not ours, the node has just started', { forwarding: false }, 120_000, false],
  ] as const)('%s', (_name, view, uptime, preserved) => {
    expect(forwardingPreserved(view, uptime, RESTART_TIME)).toBe(preserved)
  })
})

test('E10: node selectors as the node’s labels change', () => {
  const wants = bgpPeer('router', {
    nodeSelectors: [{ matchLabels: { rack: 'a' } }, { matchLabels: { rack: 'b' } }],
  })
  const count = (labels: Record<string, string>) =>
    planPeers(world({ config: { peers: [wants] }, nodes: [node('node1', { labels })] }), noSecrets).length
  expect(['', 'b', 'c', 'a'].map((rack) => count(rack === '' ? {} : { rack }))).toEqual([0, 1, 0, 1])
})

test('router id: the first IPv4 address, else a stable hash that is not zero', () => {
  const id = (internalIPs: string[]) => routerIdOf(world({ nodes: [node('node1', { internalIPs })] }))
  expect(id(['fd00::1', '10.0.0.7'])).toBe('10.0.0.7')
  expect(id(['fd00::1'])).toBe(id(['fd00::2']))
  expect(id(['fd00::1'])).not.toBe('0.0.0.0')
})

import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { BgpPeer } from '#crds/config.ts'
import { bgpPeer, node, world } from '../test-world.ts'
import { planPeers, routerIdOf } from './peers.ts'

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
        holdTime: 90_000,
        connectRetryTime: 5000,
        multihop: false,
        families: ['ipv4-unicast'],
        nextHops: {},
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

  test.each([
    [{ interface: 'eth0', peerAddress: undefined }, 'unnumbered'],
    [{ vrf: 'red' }, 'VRF red'],
  ])('what is not supported yet is said aloud: %j', (more, words) => {
    expect(plan(more)[0].blocked).toContain(words)
  })
})

test('router id: the first IPv4 address, else a stable hash that is not zero', () => {
  const id = (internalIPs: string[]) => routerIdOf(world({ nodes: [node('node1', { internalIPs })] }))
  expect(id(['fd00::1', '10.0.0.7'])).toBe('10.0.0.7')
  expect(id(['fd00::1'])).toBe(id(['fd00::2']))
  expect(id(['fd00::1'])).not.toBe('0.0.0.0')
})

import { describe, expect, it } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix, prefixContains } from '#inet/prefix.ts'
import { parseRange, rangeContains } from '#inet/range.ts'
import {
  CLIENT,
  CLUSTER_CIDRS,
  LAN,
  MAX_NODES,
  nodeHosts,
  podAddress,
  podMacs,
  ROUTER,
  SWITCH,
} from './addressing.ts'

describe('addressing', () => {
  const nodes = nodeHosts(MAX_NODES, [4, 6])
  const everybody = [ROUTER, SWITCH, CLIENT, ...nodes]

  it('gives each machine addresses and a MAC of its own, with the same digits', () => {
    expect(nodes[0]).toEqual({
      name: 'node1',
      index: 1,
      v4: '192.168.1.11',
      v6: 'fd00:192:168:1::11',
      mac: '02:00:00:00:00:11',
      podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    })
    expect(new Set(everybody.map((host) => host.mac)).size).toBe(everybody.length)
    for (const host of everybody) {
      expect(prefixContains(parsePrefix(LAN.v4), parseAddress(host.v4))).toBe(true)
      expect(prefixContains(parsePrefix(LAN.v6), parseAddress(host.v6))).toBe(true)
    }
  })

  it('leaves the address pool of the example manifests free', () => {
    const pool = parseRange('192.168.1.100-192.168.1.150')
    for (const host of everybody) expect(rangeContains(pool, parseAddress(host.v4))).toBe(false)
  })

  it('gives a node pod ranges of the families that the cluster has', () => {
    expect(nodeHosts(1, [4])[0].podCIDRs).toEqual(['10.244.1.0/24'])
    expect(nodeHosts(2, [6])[1].podCIDRs).toEqual(['fd00:10:244:2::/64'])
  })

  it('puts pods into the range of their node and of the cluster', () => {
    for (const family of [4, 6] as const) {
      const address = parseAddress(podAddress(2, 254, family))
      expect(prefixContains(parsePrefix(nodes[1].podCIDRs[family === 4 ? 0 : 1]), address)).toBe(true)
      expect(prefixContains(parsePrefix(CLUSTER_CIDRS[family]), address)).toBe(true)
    }
  })

  it('gives both ends of each pod cable a MAC of their own', () => {
    expect(podMacs(3, 17)).toEqual({ pod: '02:00:01:03:00:11', node: '02:00:02:03:00:11' })
  })
})

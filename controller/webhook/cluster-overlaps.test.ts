import { expect, test } from 'vitest'
import { parseRange } from '#inet/range.ts'
import { clusterOverlaps } from './cluster-overlaps.ts'

const node = (name: string, internalIPs: string[], podCIDRs: string[] = []) => ({
  name,
  internalIPs,
  podCIDRs,
})
const pool = (addresses: string[], excludes: string[] = []) => ({
  name: 'p',
  ranges: addresses.map(parseRange),
  excludes: excludes.map(parseRange),
})
const cluster = {
  nodes: [
    node('a', ['192.0.2.11', '2001:db8::11'], ['10.244.0.0/24', 'fd00:10:244::/64']),
    node('b', ['192.0.2.12', 'not an address'], ['10.244.1.0/24']),
  ],
  serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'],
}

test('a pool beside all of it is not mentioned', () => {
  expect(clusterOverlaps(pool(['192.0.2.100-192.0.2.200', '2001:db8::1:0/112']), cluster)).toEqual([])
})

test('addresses of nodes, of pods and ClusterIPs are told apart', () => {
  expect(clusterOverlaps(pool(['192.0.2.0/24', '10.0.0.0/8', '2001:db8::/64']), cluster)).toEqual([
    'pool p overlaps with addresses of nodes: 192.0.2.11 of node a, 2001:db8::11 of node a, 192.0.2.12 of node b',
    'pool p overlaps with addresses of pods: 10.244.0.0/24 of node a, 10.244.1.0/24 of node b',
    'pool p overlaps with ClusterIPs: 10.96.0.0/16',
  ])
})

test('what is excluded from the pool meets nobody', () => {
  expect(clusterOverlaps(pool(['192.0.2.0/24'], ['192.0.2.8/29']), cluster)).toEqual([])
})

test('of many nodes a few are named', () => {
  const nodes = Array.from({ length: 5000 }, (_, index) =>
    node(`n${index}`, [`10.1.${index >> 8}.${index & 255}`]),
  )
  expect(clusterOverlaps(pool(['10.1.0.0/16']), { nodes, serviceCIDRs: [] })).toEqual([
    'pool p overlaps with addresses of nodes: 10.1.0.0 of node n0, 10.1.0.1 of node n1, 10.1.0.2 of node n2 and 4997 more',
  ])
})

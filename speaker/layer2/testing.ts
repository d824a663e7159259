import type { WireAddress, WireSelf, WireSpeaker } from '../wire/protocol.ts'
import { livenessSettings } from '../bfd/config.ts'
import type { Candidate } from './elect.ts'
import type { Link } from './interfaces.ts'

/** Values for tests of this room, each with what the test is about in `change`. */
export const candidate = (node: string, change: Partial<Candidate> = {}): Candidate => ({
  node,
  preference: 0,
  eligible: true,
  reason: '',
  stale: false,
  ...change,
})

export const wireAddress = (address: string, change: Partial<WireAddress> = {}): WireAddress => ({
  address,
  interfaces: [],
  candidates: [candidate('node-a')],
  served: true,
  ...change,
})

/** The last octet of its addresses: 10 for node-a, 11 for node-b and so on. */
const hostOf = (node: string): number => node.charCodeAt(node.length - 1) - 'a'.charCodeAt(0) + 10

export const macOf = (node: string): string => `02:00:00:00:00:${hostOf(node).toString(16).padStart(2, '0')}`

export const prefixesOf = (node: string): string[] => [
  `192.0.2.${hostOf(node)}/24`,
  `fe80::${hostOf(node).toString(16)}/64`,
]

/** eth0, index 2, of node-a. */
export const link = (change: Partial<Link> = {}): Link => ({
  index: 2,
  name: 'eth0',
  mac: macOf('node-a'),
  up: true,
  carrier: true,
  loopback: false,
  broadcast: true,
  noArp: false,
  master: 0,
  prefixes: prefixesOf('node-a'),
  ...change,
})

export const self = (change: Partial<WireSelf> = {}): WireSelf => ({
  stale: false,
  internalIPs: [],
  liveness: livenessSettings,
  ...change,
})

export const speaker = (node: string, change: Partial<WireSpeaker> = {}): WireSpeaker => ({
  node,
  internalIPs: [],
  interfaces: [{ mac: macOf(node), prefixes: prefixesOf(node) }],
  ready: true,
  apiReachable: true,
  reportedDead: false,
  ...change,
})

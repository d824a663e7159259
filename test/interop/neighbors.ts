import type { Neighbor } from './peers/peer.ts'

/** Link-local addresses on the second cable, by the hardware addresses of its ends. */
export const nodeLinkLocal = 'fe80::ff:fe00:b'
export const routerLinkLocal = 'fe80::ff:fe00:c'

/** The speaker's end of the cable starts here; each neighbor has an address of its own on it. */
const first = 10

const plan: readonly (Partial<Neighbor> & Pick<Neighbor, 'name'> & { v6?: boolean })[] = [
  { name: 'plain' },
  { name: 'six', v6: true },
  { name: 'inner', remoteAS: 64512 },
  { name: 'wide', remoteAS: 4_200_000_001 },
  { name: 'signed', password: 'secret' },
  // An address of its own: a daemon may have one listening socket an address, with one least TTL.
  { name: 'near', ttlSecurity: true, local: '192.0.2.3' },
  { name: 'far', multihop: true, local: '203.0.113.1', remote: '198.18.0.10' },
  { name: 'caller', connects: 'router' },
  ...['crossing', 'meeting'].map((name) => ({ name, connects: 'both' as const })),
  { name: 'extended', v6: true, extendedNextHop: true, families: ['ipv4-unicast', 'ipv6-unicast'] },
  { name: 'watched', bfd: true },
  { name: 'watching', bfd: true },
  ...['killed', 'upgraded', 'removed'].map((name) => ({ name, gracefulRestart: true })),
  { name: 'stopped' },
  { name: 'disabled' },
  { name: 'honouring', honoursGracefulShutdown: true },
  { name: 'provider', role: 'provider' },
  {
    name: 'unnumbered',
    device: 'eth1',
    local: routerLinkLocal,
    remote: nodeLinkLocal,
    extendedNextHop: true,
  },
]

/** All that a router is configured with, by name. */
export const neighbors = Object.fromEntries(
  plan.map(({ v6 = false, ...rest }, index) => {
    const neighbor: Neighbor = {
      local: v6 ? '2001:db8::1' : '192.0.2.1',
      localAS: 64512,
      remote: v6 ? `2001:db8::${first + index}` : `192.0.2.${first + index}`,
      remoteAS: 64500,
      families: ['ipv4-unicast', 'ipv6-unicast'],
      connects: 'speaker',
      ...rest,
    }
    return [neighbor.name, neighbor]
  }),
)

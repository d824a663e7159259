/**
 * Kernel settings of each kind of machine, written before its first interface appears: `default` is copied to
 * interfaces when they are made.
 */
const EVERY_MACHINE = {
  // The lab's addresses are known to be unique: no second of waiting before an address works.
  'ipv6/conf/all/accept_dad': 0,
  'ipv6/conf/default/accept_dad': 0,
  'ipv6/conf/all/accept_ra': 0,
  'ipv6/conf/default/accept_ra': 0,
  // The router would tell the client of a shorter way, and the client would stay with one node.
  'ipv4/conf/all/send_redirects': 0,
  'ipv4/conf/default/send_redirects': 0,
  'ipv4/conf/all/accept_redirects': 0,
  'ipv4/conf/default/accept_redirects': 0,
  'ipv6/conf/all/accept_redirects': 0,
  'ipv6/conf/default/accept_redirects': 0,
  'ipv4/conf/all/rp_filter': 0,
  'ipv4/conf/default/rp_filter': 0,
} as const

const FORWARDS = {
  'ipv4/ip_forward': 1,
  'ipv6/conf/all/forwarding': 1,
  'ipv6/conf/default/forwarding': 1,
} as const

/** Equal-cost routes are chosen by flow, addresses and ports, as hardware routers do. */
const SPREADS_FLOWS = { 'ipv4/fib_multipath_hash_policy': 1, 'ipv6/fib_multipath_hash_policy': 1 } as const

type Settings = Readonly<Record<string, number>>

export const SYSCTLS = {
  client: EVERY_MACHINE,
  node: { ...EVERY_MACHINE, ...FORWARDS },
  router: { ...EVERY_MACHINE, ...FORWARDS, ...SPREADS_FLOWS },
  // The switch carries frames, not packets: no filter of the IP layer may look at what it bridges.
  switch: {
    ...EVERY_MACHINE,
    'bridge/bridge-nf-call-iptables': 0,
    'bridge/bridge-nf-call-ip6tables': 0,
    'bridge/bridge-nf-call-arptables': 0,
  },
} as const satisfies Record<string, Settings>

export type MachineKind = keyof typeof SYSCTLS

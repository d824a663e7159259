import { endpointsOf, type Collection, type Counting } from './model.ts'

/**
 * The rules, all of them: the same for every node, family and number of Services. What differs is in the
 * collections. `nft/text.ts` prints this for the kernel, `trace.ts` follows a packet through it, so that what is
 * explained is what is installed. A packet is looked at once, when its connection begins.
 */

/** Where a rule finds the fields of a key in a packet. */
export type PacketField = 'source' | 'destination' | 'protocol' | 'port'

export type Match =
  | { readonly fields: readonly PacketField[]; readonly in: Collection }
  | { readonly fields: readonly PacketField[]; readonly notIn: Collection }
  /** the source lies in one of the ranges of the frontend: one rule for each prefix length in use */
  | { readonly sourceAllowed: true }
  | { readonly is: Property }

export type Property =
  /** the first packet of a connection */
  | 'new'
  | 'echo-request'
  | 'to-this-node'
  | 'from-this-node'
  | 'not-to-loopback'
  | 'tcp'
  /** TCP, UDP or SCTP: has a port to translate */
  | 'transport'
  /** its source address is to be replaced */
  | 'marked'
  /** its destination was replaced */
  | 'translated'
  /** a slot was chosen for it and not yet forgotten */
  | 'slotted'

export type Action =
  /** the source address is to be replaced when the packet leaves */
  | { readonly do: 'mark' | 'unmark' | 'masquerade' | 'accept' | 'return' | 'drop' | 'reset' | 'reject' }
  | { readonly do: 'jump' | 'goto'; readonly chain: ChainName }
  /** take the number of endpoints and go to a chain with it; goes on with the next rule when there is no such frontend */
  | { readonly do: 'count'; readonly over: Counting; readonly chain: ChainName }
  /** from the number of endpoints to a random slot, or to the first one */
  | { readonly do: 'random-slot' | 'first-slot' | 'forget-slot' }
  /** send to the endpoint in the slot; goes on when the slot is empty */
  | { readonly do: 'translate'; readonly over: Counting }
  /** send to the address that answers for it; goes on when there is none */
  | { readonly do: 'redirect' }

export interface Rule {
  readonly match: readonly Match[]
  readonly actions: readonly Action[]
  readonly comment?: string
}

interface BaseHook {
  readonly type: 'filter' | 'nat'
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
  /** as nft names it */
  readonly priority: string
}

export interface Chain {
  readonly hook?: BaseHook
  readonly rules: readonly Rule[]
}

/** The chains that choose an endpoint, one for each collection of endpoints. */
type EndpointsChain = `to-${(typeof endpointsOf)[Counting]}`

export type ChainName =
  | 'sources-prerouting'
  | 'sources-output'
  | 'sources-check'
  | 'allowed-sources'
  | 'nat-prerouting'
  | 'nat-output'
  | 'services'
  | 'external-local'
  | 'nodeports'
  | 'nodeport-external-local'
  | 'filter-prerouting'
  | 'filter-output'
  | 'refuse'
  | 'no-endpoints'
  | 'no-nodeport-endpoints'
  | 'unknown-cluster-ips'
  | 'nat-postrouting'
  | 'masquerading'
  | EndpointsChain

const rule = (match: readonly Match[], actions: readonly Action[], comment?: string): Rule => ({
  match,
  actions,
  ...(comment === undefined ? {} : { comment }),
})

const is = (property: Property): Match => ({ is: property })
const frontendIn = (collection: Collection): Match => ({
  fields: ['destination', 'protocol', 'port'],
  in: collection,
})
const nodePortIn = (collection: Collection): Match => ({ fields: ['protocol', 'port'], in: collection })
const destinationIn = (collection: Collection): Match => ({ fields: ['destination'], in: collection })
const sourceIn = (collection: Collection): Match => ({ fields: ['source'], in: collection })
const sourceNotIn = (collection: Collection): Match => ({ fields: ['source'], notIn: collection })
const toNodePort: readonly Match[] = [
  is('not-to-loopback'),
  destinationIn('nodeport-addresses'),
  is('to-this-node'),
]

const mark: Action = { do: 'mark' }
const drop: Action = { do: 'drop' }
const jump = (chain: ChainName): Action => ({ do: 'jump', chain })
const goto = (chain: ChainName): Action => ({ do: 'goto', chain })
const balance = (over: Counting): Action => ({ do: 'count', over, chain: `to-${endpointsOf[over]}` })
/** The end of the base chain: a packet that nothing translated by now keeps its destination. */
const keep: Action = { do: 'accept' }

/**
 * A connection takes a random slot. When that slot has just gone away (its frontend shrank between two lookups) it
 * takes slot 0, which is there as long as the frontend has any endpoint.
 */
const toEndpoints = (over: Counting): readonly Rule[] => [
  rule([], [{ do: 'random-slot' }]),
  rule([is('transport')], [{ do: 'translate', over }]),
  rule([], [{ do: 'first-slot' }]),
  rule([is('transport')], [{ do: 'translate', over }]),
  rule([], [keep]),
]

/** externalTrafficPolicy Local: who asks decides between all endpoints and those of this node. */
const externalLocal = (local: Counting): readonly Rule[] => [
  rule([sourceIn('pod-sources')], [{ do: 'return' }], 'pods reach every endpoint and keep their address'),
  rule([is('from-this-node')], [mark, { do: 'return' }], 'so does this node, masqueraded'),
  rule([], [balance(local)], 'everybody else reaches the endpoints of this node'),
  rule([], [keep], 'there is none: dropped by the filter'),
]

/** Before translation, so that it sees what the client asked for. */
const sourcesBeforeTranslation: readonly Rule[] = [
  rule([is('new'), frontendIn('restricted-frontends')], [jump('sources-check')], 'loadBalancerSourceRanges'),
]

const translation: readonly Rule[] = [rule([], [jump('services')])]

/** Behind translation: what still goes to one of our addresses has nobody to go to. */
const untranslated: readonly Rule[] = [
  rule([is('new')], [jump('no-endpoints')]),
  rule([is('new'), ...toNodePort], [jump('no-nodeport-endpoints')]),
  rule([is('new')], [jump('unknown-cluster-ips')]),
]

/** Chains in an order in which each is defined before it is used. */
export const program: Readonly<Record<ChainName, Chain>> = {
  'allowed-sources': { rules: [rule([{ sourceAllowed: true }], [{ do: 'accept' }])] },
  'sources-check': { rules: [rule([], [jump('allowed-sources')]), rule([], [drop])] },
  'sources-prerouting': {
    hook: { type: 'filter', hook: 'prerouting', priority: 'dstnat - 10' },
    rules: sourcesBeforeTranslation,
  },
  'sources-output': {
    hook: { type: 'filter', hook: 'output', priority: '-110' },
    rules: sourcesBeforeTranslation,
  },

  'to-endpoints': { rules: toEndpoints('frontends') },
  'to-local-endpoints': { rules: toEndpoints('local-frontends') },
  'to-nodeport-endpoints': { rules: toEndpoints('nodeports') },
  'to-local-nodeport-endpoints': { rules: toEndpoints('local-nodeports') },
  'external-local': { rules: externalLocal('local-frontends') },
  'nodeport-external-local': { rules: externalLocal('local-nodeports') },
  nodeports: {
    rules: [
      rule([nodePortIn('nodeport-external-cluster')], [mark]),
      rule([nodePortIn('nodeport-external-local')], [jump('nodeport-external-local')]),
      rule([], [balance('nodeports')]),
    ],
  },
  services: {
    rules: [
      rule([destinationIn('cluster-ips'), sourceNotIn('unmasqueraded-sources')], [mark]),
      rule([frontendIn('external-cluster')], [mark]),
      rule([frontendIn('external-local')], [jump('external-local')]),
      rule([], [balance('frontends')]),
      rule([is('echo-request')], [{ do: 'redirect' }], 'this node answers ping for its virtual addresses'),
      rule(toNodePort, [goto('nodeports')]),
    ],
  },
  'nat-prerouting': { hook: { type: 'nat', hook: 'prerouting', priority: 'dstnat' }, rules: translation },
  'nat-output': { hook: { type: 'nat', hook: 'output', priority: '-100' }, rules: translation },

  // For TCP a reset: the kernel limits the rate of ICMP errors, and a socket that is busy connecting ignores them.
  refuse: { rules: [rule([is('tcp')], [{ do: 'reset' }]), rule([], [{ do: 'reject' }])] },
  'no-endpoints': {
    rules: [
      rule([frontendIn('drop-frontends')], [drop]),
      rule([frontendIn('reject-frontends')], [goto('refuse')]),
    ],
  },
  'no-nodeport-endpoints': {
    rules: [
      rule([nodePortIn('nodeport-drop')], [drop]),
      rule([nodePortIn('nodeport-reject')], [goto('refuse')]),
    ],
  },
  'unknown-cluster-ips': {
    rules: [
      rule([destinationIn('cluster-ips')], [goto('refuse')], 'a ClusterIP, but not a port of its Service'),
      rule([destinationIn('service-cidrs')], [drop], 'a ClusterIP that no Service has'),
    ],
  },
  // Before routing and not behind it: a packet that is refused needs no route, and causes no redirect.
  'filter-prerouting': {
    hook: { type: 'filter', hook: 'prerouting', priority: 'dstnat + 10' },
    rules: untranslated,
  },
  'filter-output': { hook: { type: 'filter', hook: 'output', priority: '-90' }, rules: untranslated },

  masquerading: { rules: [rule([], [{ do: 'unmark' }, { do: 'masquerade' }])] },
  'nat-postrouting': {
    hook: { type: 'nat', hook: 'postrouting', priority: 'srcnat' },
    rules: [
      rule([is('translated'), is('slotted')], [{ do: 'forget-slot' }]),
      // The mark goes first: what a tunnel wraps would otherwise be masqueraded a second time.
      rule([is('marked')], [goto('masquerading')]),
      rule(
        [is('translated'), { fields: ['source', 'destination', 'protocol', 'port'], in: 'hairpin' }],
        [{ do: 'masquerade' }],
        'an endpoint that reached itself through its Service',
      ),
    ],
  },
}

export const chainNames = Object.keys(program) as ChainName[]

/**
 * Where a packet keeps the number of its frontend's endpoints, and then its slot, from one rule to the next: in its
 * priority, because that is the one register that a map can set and another map can read without taking bits of the
 * packet mark from somebody. A slot is a traffic class of this major number, which is taken off again behind routing.
 * Only the first packet of a connection comes this way.
 */
export const SLOT_MAJOR = 0xfa1e

/** The bit of the packet mark that asks for masquerading, kube-proxy's default (`--iptables-masquerade-bit` 14). */
export const MASQUERADE_MARK = 0x4000

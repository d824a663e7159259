import { endpointsOf, type Collection, type Counting } from '../model.ts'

/** What rules are made of, and names for what they have in common. */

/** Where a rule finds the fields of a key in a packet. */
export type PacketField = 'source' | 'destination' | 'protocol' | 'port'

export type Match =
  | { readonly fields: readonly PacketField[]; readonly in: Collection }
  | { readonly fields: readonly PacketField[]; readonly notIn: Collection }
  /** the source lies in one of the ranges of the frontend: one rule for each prefix length in use */
  | { readonly sourceAllowed: true }
  /** the list has this affinity timeout: one rule for each timeout in use */
  | { readonly timeoutOfList: true }
  | { readonly is: Property }

export type Property =
  /** the first packet of a connection */
  | 'new'
  | 'echo-request'
  | 'to-this-node'
  | 'from-this-node'
  | 'not-to-loopback'
  /** it came in by an interface of pods; rules that ask this are there only with a detector that names interfaces */
  | 'from-pod-interface'
  | 'not-from-pod-interface'
  | 'tcp'
  /** TCP, UDP or SCTP: has a port to translate */
  | 'transport'
  /** its source address is to be replaced */
  | 'marked'
  /** its destination was replaced */
  | 'translated'
  | 'not-translated'
  /** its destination was not replaced, and conntrack has not settled on that yet */
  | 'untranslated'
  /** an endpoint was chosen for it and not yet forgotten */
  | 'chosen'
  | 'not-chosen'
  /** its way leads out by the interface by which it came in */
  | 'returning'
  /** its client's endpoint is known: the number of an endpoint of a list, not of the list */
  | 'known'

export type Action =
  /** the source address is to be replaced when the packet leaves */
  | { readonly do: 'mark' | 'unmark' | 'masquerade' | 'accept' | 'return' | 'drop' | 'reset' | 'reject' }
  /** reject and count: nobody has the address */
  | { readonly do: 'unreachable' }
  | { readonly do: 'jump' | 'goto'; readonly chain: ChainName }
  /** take the number of endpoints, and go to a chain with it; goes on with the next rule when there is no such frontend */
  | { readonly do: 'count'; readonly over: Counting; readonly chain?: ChainName }
  /** from the number of endpoints to a slot by the frontend's way of balancing, or to the first one */
  | { readonly do: 'choose-slot' | 'first-slot' | 'forget' }
  /** send to the endpoint in the slot; goes on when the slot is empty */
  | { readonly do: 'translate'; readonly over: Counting }
  /** session affinity: take the list's number and go to a chain with it; goes on when the frontend has no list */
  | { readonly do: 'list'; readonly over: Counting; readonly chain: ChainName }
  /** from the list to the endpoint that its client had last; goes on when it is not known */
  | { readonly do: 'recall' }
  /** keep the client's endpoint for as long as the list says */
  | { readonly do: 'learn' }
  | { readonly do: 'unlearn' }
  /** from the slot to the endpoint of the list; goes on when the slot is empty */
  | { readonly do: 'member'; readonly over: Counting }
  /** send to the endpoint of the list; goes on when it is gone */
  | { readonly do: 'translate-member' }
  /** send to the address that answers ping; goes on when there is none */
  | { readonly do: 'redirect' }
  /** drop and count what should have been translated; goes on when there is no such frontend */
  | { readonly do: 'catch'; readonly over: Counting }

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

/** Some of the program: chains by name, each defined before it is used. */
export type Chains = Readonly<Partial<Record<ChainName, Chain>>>

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
  | 'affinity-refresh'
  | EndpointsChain
  | `affinity-${EndpointsChain}`

export const rule = (match: readonly Match[], actions: readonly Action[], comment?: string): Rule => ({
  match,
  actions,
  ...(comment === undefined ? {} : { comment }),
})

export const is = (property: Property): Match => ({ is: property })
export const frontendIn = (collection: Collection): Match => ({
  fields: ['destination', 'protocol', 'port'],
  in: collection,
})
export const nodePortIn = (collection: Collection): Match => ({
  fields: ['protocol', 'port'],
  in: collection,
})
export const destinationIn = (collection: Collection): Match => ({ fields: ['destination'], in: collection })
export const sourceIn = (collection: Collection): Match => ({ fields: ['source'], in: collection })
export const sourceNotIn = (collection: Collection): Match => ({ fields: ['source'], notIn: collection })
export const toNodePort: readonly Match[] = [
  is('not-to-loopback'),
  destinationIn('nodeport-addresses'),
  is('to-this-node'),
]

export const mark: Action = { do: 'mark' }
export const drop: Action = { do: 'drop' }
export const accept: Action = { do: 'accept' }
export const jump = (chain: ChainName): Action => ({ do: 'jump', chain })
export const goto = (chain: ChainName): Action => ({ do: 'goto', chain })

/** The chain that chooses among the endpoints that a collection counts. */
export const endpointsChain = (over: Counting): EndpointsChain => `to-${endpointsOf[over]}`

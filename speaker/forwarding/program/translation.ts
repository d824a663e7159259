import type { Counting } from '../model.ts'
import {
  accept,
  destinationIn,
  endpointsChain,
  frontendIn,
  goto,
  is,
  jump,
  mark,
  nodePortIn,
  rule,
  sourceIn,
  sourceNotIn,
  toNodePort,
  type Chains,
  type Rule,
} from './rule.ts'

/** From a Service's address to one of its endpoints. */

/** Clients that are to come back to their endpoint first; the rest goes wherever balancing sends it. */
const balance = (over: Counting): readonly Rule[] => [
  rule([], [{ do: 'list', over, chain: `affinity-${endpointsChain(over)}` }]),
  rule([], [{ do: 'count', over, chain: endpointsChain(over) }]),
]

/**
 * A connection takes a slot. When that slot has just gone away (its frontend shrank between two lookups) it takes slot
 * 0, which is there as long as the frontend has any endpoint. The end of the chain is the end of the base chain: what
 * nothing translated by now keeps its destination, and is caught by the filter.
 */
const toEndpoints = (over: Counting): readonly Rule[] => [
  rule([], [{ do: 'choose-slot' }]),
  rule([is('transport')], [{ do: 'translate', over }]),
  rule([], [{ do: 'first-slot' }]),
  rule([is('transport')], [{ do: 'translate', over }]),
  rule([], [{ do: 'forget' }, accept]),
]

/** externalTrafficPolicy Local: who asks decides between all endpoints and those of this node. */
const externalLocal = (local: Counting): readonly Rule[] => [
  rule([sourceIn('pod-sources')], [{ do: 'return' }], 'pods reach every endpoint and keep their address'),
  rule([is('from-pod-interface')], [{ do: 'return' }]),
  rule([is('from-this-node')], [mark, { do: 'return' }], 'so does this node, masqueraded'),
  ...balance(local),
  rule([], [accept], 'none of this node: dropped by the filter'),
]

const fromHere: readonly Rule[] = [rule([], [jump('services')])]

export const translation = {
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
      ...balance('nodeports'),
    ],
  },
  services: {
    rules: [
      rule([destinationIn('cluster-ips'), sourceNotIn('unmasqueraded-sources')], [mark]),
      // With such a detector every source is in that set, or none to have everything masqueraded.
      rule([destinationIn('cluster-ips'), is('not-from-pod-interface')], [mark]),
      rule([frontendIn('external-cluster')], [mark]),
      rule([frontendIn('external-local')], [jump('external-local')]),
      ...balance('frontends'),
      rule(
        [is('echo-request'), destinationIn('cluster-ips')],
        [{ do: 'redirect' }],
        'this node answers ping',
      ),
      rule([is('echo-request'), destinationIn('pingable')], [{ do: 'redirect' }]),
      rule(toNodePort, [goto('nodeports')]),
    ],
  },
  'nat-prerouting': { hook: { type: 'nat', hook: 'prerouting', priority: 'dstnat' }, rules: fromHere },
  'nat-output': { hook: { type: 'nat', hook: 'output', priority: '-100' }, rules: fromHere },
} as const satisfies Chains

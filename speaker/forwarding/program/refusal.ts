import type { Counting } from '../model.ts'
import {
  destinationIn,
  drop,
  frontendIn,
  goto,
  is,
  jump,
  nodePortIn,
  rule,
  toNodePort,
  type Chains,
  type Rule,
} from './rule.ts'

/** Behind translation: what still goes to one of our addresses has nobody to go to, or has slipped through. */

/**
 * A packet slips through when what it meets is replaced while it passes: it sees the rules before and the elements
 * behind the change, or the other way round. If it went on, conntrack would keep "not translated" for the whole
 * connection. Dropped here, before conntrack confirms it, it is as if lost on the wire: the client sends another one.
 * An endpoint that is a frontend at the same address leaves no trace of its translation but the choice.
 */
const escaped = (over: Counting): Rule =>
  rule([is('untranslated'), is('not-chosen')], [{ do: 'catch', over }], 'slipped through a change')

/** Where this node would send it, it comes from: a router there still takes this node for the holder of the address. */
const vacated = rule(
  [is('new'), is('not-translated'), destinationIn('vacated-addresses'), is('returning')],
  [{ do: 'unreachable' }],
  'no Service has the address any more',
)

const behindTranslation: readonly Rule[] = [
  rule([is('new')], [jump('no-endpoints')]),
  rule([is('new'), ...toNodePort], [jump('no-nodeport-endpoints')]),
  rule([is('new')], [jump('unknown-cluster-ips')]),
]

export const refusal = {
  // For TCP a reset: the kernel limits the rate of ICMP errors, and a socket that is busy connecting ignores them.
  refuse: { rules: [rule([is('tcp')], [{ do: 'reset' }]), rule([], [{ do: 'reject' }])] },
  'no-endpoints': {
    rules: [
      rule([frontendIn('drop-frontends')], [drop]),
      rule([frontendIn('reject-frontends')], [goto('refuse')]),
      escaped('frontends'),
    ],
  },
  'no-nodeport-endpoints': {
    rules: [
      rule([nodePortIn('nodeport-drop')], [drop]),
      rule([nodePortIn('nodeport-reject')], [goto('refuse')]),
      escaped('nodeports'),
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
    rules: [...behindTranslation, vacated],
  },
  'filter-output': { hook: { type: 'filter', hook: 'output', priority: '-90' }, rules: behindTranslation },
} as const satisfies Chains

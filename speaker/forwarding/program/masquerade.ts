import { goto, is, rule, type Chains } from './rule.ts'

/** On the way out: whose source address is replaced. */
export const masquerade = {
  masquerading: { rules: [rule([], [{ do: 'unmark' }, { do: 'masquerade' }])] },
  'nat-postrouting': {
    hook: { type: 'nat', hook: 'postrouting', priority: 'srcnat' },
    rules: [
      rule([is('translated'), is('chosen')], [{ do: 'forget' }]),
      // The mark goes first: what a tunnel wraps would otherwise be masqueraded a second time.
      rule([is('marked')], [goto('masquerading')]),
      rule(
        [is('translated'), { fields: ['source', 'destination', 'protocol', 'port'], in: 'hairpin' }],
        [{ do: 'masquerade' }],
        'an endpoint that reached itself through its Service',
      ),
    ],
  },
} as const satisfies Chains

import { drop, frontendIn, is, jump, rule, type Chains, type Rule } from './rule.ts'

/** loadBalancerSourceRanges. Before translation, so that the rules see what the client asked for. */
const beforeTranslation: readonly Rule[] = [
  rule([is('new'), frontendIn('restricted-frontends')], [jump('sources-check')], 'loadBalancerSourceRanges'),
]

export const sources = {
  'allowed-sources': { rules: [rule([{ sourceAllowed: true }], [{ do: 'accept' }])] },
  'sources-check': { rules: [rule([], [jump('allowed-sources')]), rule([], [drop])] },
  'sources-prerouting': {
    hook: { type: 'filter', hook: 'prerouting', priority: 'dstnat - 10' },
    rules: beforeTranslation,
  },
  'sources-output': {
    hook: { type: 'filter', hook: 'output', priority: '-110' },
    rules: beforeTranslation,
  },
} as const satisfies Chains

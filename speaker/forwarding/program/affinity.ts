import { type Counting } from '../model.ts'
import { accept, is, jump, rule, type Chains, type Rule } from './rule.ts'

/**
 * sessionAffinity ClientIP. All frontends of a Service port share a list; the kernel remembers { list . client :
 * endpoint of the list } by itself, for as long as the list says. An endpoint that goes takes its number away, in the
 * same transaction, and with it whatever was remembered: nothing needs to be cleaned up.
 */

/** What was chosen is kept, and whoever else connects from there at this moment gets the same. */
const keepChoice: readonly Rule[] = [
  rule([is('known')], [jump('affinity-refresh')]),
  rule([is('known')], [{ do: 'recall' }], 'another connection may have been quicker'),
  rule([is('transport')], [{ do: 'translate-member' }]),
  rule([is('known')], [{ do: 'unlearn' }], 'its endpoint is gone'),
]

const withAffinity = (over: Counting): readonly Rule[] => [
  rule([], [{ do: 'recall' }]),
  rule([is('known')], [jump('affinity-refresh')]),
  rule([is('transport')], [{ do: 'translate-member' }]),
  // The kernel would keep the endpoint of an entry that is there.
  rule([is('known')], [{ do: 'unlearn' }], 'its endpoint is gone'),
  rule([], [{ do: 'count', over }]),
  rule([], [{ do: 'choose-slot' }]),
  rule([], [{ do: 'member', over }]),
  ...keepChoice,
  // As without affinity: the slot may have gone between two lookups, and slot 0 is there as long as any.
  rule([], [{ do: 'first-slot' }]),
  rule([], [{ do: 'member', over }]),
  rule([is('known')], [jump('affinity-refresh')]),
  rule([is('transport')], [{ do: 'translate-member' }]),
  rule([], [{ do: 'forget' }, accept]),
]

export const affinity = {
  'affinity-refresh': { rules: [rule([{ timeoutOfList: true }], [{ do: 'learn' }])] },
  'affinity-to-endpoints': { rules: withAffinity('frontends') },
  'affinity-to-local-endpoints': { rules: withAffinity('local-frontends') },
  'affinity-to-nodeport-endpoints': { rules: withAffinity('nodeports') },
  'affinity-to-local-nodeport-endpoints': { rules: withAffinity('local-nodeports') },
} as const satisfies Chains

import type { LocalDetector } from './config.ts'
import { affinity } from './program/affinity.ts'
import { masquerade } from './program/masquerade.ts'
import { refusal } from './program/refusal.ts'
import type { Chain, ChainName, Rule } from './program/rule.ts'
import { sources } from './program/sources.ts'
import { translation } from './program/translation.ts'

/**
 * The rules, all of them: the same for every node, family and number of Services. What differs is in the
 * collections. `nft/text.ts` prints this for the kernel, `trace.ts` follows a packet through it, so that what is
 * explained is what is installed. A packet is looked at once, when its connection begins.
 *
 * Chains in an order in which each is defined before it is used.
 */
export const program: Readonly<Record<ChainName, Chain>> = {
  ...sources,
  ...affinity,
  ...translation,
  ...refusal,
  ...masquerade,
}

export const chainNames = Object.keys(program) as ChainName[]

/** Nothing tells pods from others. */
export const noDetector: LocalDetector = { by: 'nothing' }

const namesInterfaces = ({ by }: LocalDetector): boolean => by === 'bridge' || by === 'interface-prefix'

const asksInterface = ({ match }: Rule): boolean =>
  match.some((one) => 'is' in one && (one.is === 'from-pod-interface' || one.is === 'not-from-pod-interface'))

/**
 * The rules of a chain with this way of telling pods from others: those that ask for an interface are there only when
 * one is named.
 */
export const rulesOf = (chain: ChainName, detector: LocalDetector): readonly Rule[] => {
  const { rules } = program[chain]
  return namesInterfaces(detector) ? rules : rules.filter((rule) => !asksInterface(rule))
}

/** Whether an interface is one of pods. */
export function isPodInterface(name: string, detector: LocalDetector): boolean {
  if (detector.by === 'bridge') return name === detector.name
  return detector.by === 'interface-prefix' && name !== '' && name.startsWith(detector.prefix)
}

/** The bit of the packet mark that asks for masquerading, kube-proxy's default (`--iptables-masquerade-bit` 14). */
export const MASQUERADE_MARK = 0x4000

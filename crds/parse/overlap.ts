import type { LabelSelector } from '../selector.ts'
import { canonicalSelector } from './selector.ts'

/**
 * Whether two lists of node selectors can choose the same node, told from the selectors alone: the parser knows no
 * nodes. 'maybe' is for what only the labels of real nodes can decide.
 */
export function nodeOverlap(
  a: readonly LabelSelector[],
  b: readonly LabelSelector[],
): 'yes' | 'no' | 'maybe' {
  if (a.length === 0 || b.length === 0) return 'yes'
  const texts = new Set(a.map(canonicalSelector))
  const everything = canonicalSelector({})
  if (texts.has(everything) || b.some((one) => [everything, ...texts].includes(canonicalSelector(one))))
    return 'yes'
  return a.every((one) => b.every((other) => disjoint(one, other))) ? 'no' : 'maybe'
}

/** True when no set of labels can satisfy both. */
function disjoint(a: LabelSelector, b: LabelSelector): boolean {
  const keys = new Set([...wantedKeys(a), ...wantedKeys(b)])
  return [...keys].some((key) => contradict(constraint(a, key), constraint(b, key)))
}

/** What a selector asks of one label: undefined values mean that any will do. */
interface Constraint {
  readonly mustExist: boolean
  readonly mustBeAbsent: boolean
  readonly allowed?: ReadonlySet<string>
  readonly forbidden: ReadonlySet<string>
}

function constraint(selector: LabelSelector, key: string): Constraint {
  const terms = (selector.matchExpressions ?? []).filter((term) => term.key === key)
  const equals = Object.entries(selector.matchLabels ?? {}).filter(([label]) => label === key)
  const lists = [
    ...equals.map(([, value]) => [value]),
    ...terms.filter(({ operator }) => operator === 'In').map(({ values = [] }) => values),
  ]
  const first = lists[0]
  return {
    mustExist: lists.length > 0 || terms.some(({ operator }) => operator === 'Exists'),
    mustBeAbsent: terms.some(({ operator }) => operator === 'DoesNotExist'),
    ...(first === undefined
      ? {}
      : { allowed: new Set(first.filter((value) => lists.every((list) => list.includes(value)))) }),
    forbidden: new Set(
      terms.filter(({ operator }) => operator === 'NotIn').flatMap(({ values = [] }) => [...values]),
    ),
  }
}

function contradict(a: Constraint, b: Constraint): boolean {
  if ((a.mustBeAbsent && b.mustExist) || (b.mustBeAbsent && a.mustExist)) return true
  const allowed = a.allowed ?? b.allowed
  if (allowed === undefined) return false
  return ![...allowed].some(
    (value) =>
      (a.allowed?.has(value) ?? true) &&
      (b.allowed?.has(value) ?? true) &&
      !a.forbidden.has(value) &&
      !b.forbidden.has(value),
  )
}

const wantedKeys = (selector: LabelSelector): string[] => [
  ...Object.keys(selector.matchLabels ?? {}),
  ...(selector.matchExpressions ?? []).map(({ key }) => key),
]

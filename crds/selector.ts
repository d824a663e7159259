/** A metav1.LabelSelector; both parts must match, an empty selector matches everything. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
    readonly values?: readonly string[]
  }[]
}

type Labels = Readonly<Record<string, string>>

export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  const byLabel = Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => valueOf(labels, key) === value,
  )
  return byLabel && (selector.matchExpressions ?? []).every((term) => matchesTerm(term, labels))
}

function matchesTerm(term: NonNullable<LabelSelector['matchExpressions']>[number], labels: Labels): boolean {
  const value = valueOf(labels, term.key)
  switch (term.operator) {
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'In':
      return value !== undefined && (term.values ?? []).includes(value)
    case 'NotIn':
      // As upstream (labels.Requirement): an absent key is not in any list.
      return value === undefined || !(term.values ?? []).includes(value)
  }
}

/** A label may be called `constructor`: what an object inherits is no label. */
const valueOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined

/** MetalLB's lists of selectors are alternatives; an empty list stands for no restriction. */
export const matchesAny = (selectors: readonly LabelSelector[], labels: Labels): boolean =>
  selectors.length === 0 || selectors.some((selector) => matchesSelector(selector, labels))

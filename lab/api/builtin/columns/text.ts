import type { LabelSelector } from '#crds/selector.ts'

/** Labels as kubectl shows a selector of a Service. */
export const formatLabels = (labels: Readonly<Record<string, string>> | undefined): string => {
  const terms = Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  return terms.length === 0 ? '<none>' : terms.join(',')
}

/** A label selector as text. */
export function formatSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return '<none>'
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const terms = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator.toLowerCase()} (${values.join(',')})`
  })
  return [...labels, ...terms].sort().join(',') || '<none>'
}

/** At most three items, then how many there are more. */
export function shortList(items: readonly string[]): string {
  if (items.length === 0) return '<unset>'
  const shown = items.slice(0, 3).join(',')
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown
}

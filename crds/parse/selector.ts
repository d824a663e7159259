import type { LabelSelector } from '../selector.ts'
import type { Fields } from './fields.ts'

type Term = NonNullable<LabelSelector['matchExpressions']>[number]

const operators: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist'] satisfies Term['operator'][]

// The syntax of labels: an optional DNS prefix of at most 253 characters, then a name of at most 63.
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/**
 * A list of metav1.LabelSelector; a selector that is there twice is an error.
 * @param context upstream's words before what is wrong with a selector, such as `failed to parse node selector for x`
 */
export function readSelectors(fields: Fields, name: string, context: string): LabelSelector[] {
  const seen = new Set<string>()
  return fields.objects(name).map((element) => {
    const selector = readSelector(element, context)
    const canonical = canonicalSelector(selector)
    if (seen.has(canonical))
      element.errorAt('FL_CRD_DUPLICATE', element.path, `duplicate definition of ${name}: ${canonical}`)
    seen.add(canonical)
    return selector
  })
}

/** One metav1.LabelSelector, checked as the API server checks them; `context` as in `readSelectors`. */
export function readSelector(fields: Fields, context: string): LabelSelector {
  const matchLabels = fields.textMap('matchLabels')
  for (const [key, value] of Object.entries(matchLabels)) {
    checkKey(fields, fields.at('matchLabels'), key, context)
    checkValue(fields, fields.at('matchLabels'), value, context)
  }
  const seen = new Set<string>()
  const matchExpressions = fields.objects('matchExpressions').map((element) => {
    const term = readTerm(element, context)
    const canonical = canonicalTerm(term)
    if (seen.has(canonical))
      element.errorAt(
        'FL_CRD_DUPLICATE',
        element.path,
        `duplicate definition of match expressions: ${canonical}`,
      )
    seen.add(canonical)
    return term
  })
  fields.finish()
  return {
    ...(Object.keys(matchLabels).length === 0 ? {} : { matchLabels }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  }
}

function readTerm(fields: Fields, context: string): Term {
  const key = fields.string('key') ?? ''
  checkKey(fields, fields.at('key'), key, context)
  const operator = fields.string('operator') ?? ''
  if (!operators.includes(operator))
    fields.error(
      'FL_CRD_SELECTOR',
      'operator',
      `${context}: ${JSON.stringify(operator)} is not a valid label selector operator, it is not one of ${operators.join(', ')}`,
    )
  const values = fields.strings('values')
  const seen = new Set<string>()
  for (const { value, path } of values) {
    checkValue(fields, path, value, context)
    if (seen.has(value))
      fields.errorAt(
        'FL_CRD_DUPLICATE',
        path,
        `duplicate definition of match expression value in label selector ${JSON.stringify(value)}`,
      )
    seen.add(value)
  }
  const wantsValues = operator === 'In' || operator === 'NotIn'
  if (operators.includes(operator) && wantsValues !== values.length > 0)
    fields.error(
      'FL_CRD_SELECTOR',
      'values',
      `${context}: ${operator} ${wantsValues ? 'needs at least one value' : 'takes no values'}`,
    )
  fields.finish()
  return {
    key,
    operator: operator as Term['operator'],
    ...(values.length === 0 ? {} : { values: values.map(({ value }) => value) }),
  }
}

function checkKey(fields: Fields, path: string, key: string, context: string): void {
  const slash = key.indexOf('/')
  const prefix = key.slice(0, Math.max(slash, 0))
  const prefixFits = slash < 0 || (prefix.length <= 253 && PREFIX.test(prefix))
  if (!prefixFits || !NAME.test(key.slice(slash + 1)))
    fields.errorAt('FL_CRD_SELECTOR', path, `${context}: ${JSON.stringify(key)} is not a label key`)
}

function checkValue(fields: Fields, path: string, value: string, context: string): void {
  if (value !== '' && !NAME.test(value))
    fields.errorAt('FL_CRD_SELECTOR', path, `${context}: ${JSON.stringify(value)} is not a label value`)
}

/** The same text for selectors that say the same in another order. */
export function canonicalSelector(selector: LabelSelector): string {
  const labels = Object.entries(selector.matchLabels ?? {}).sort(byText)
  const terms = (selector.matchExpressions ?? []).map(canonicalTerm).sort()
  return JSON.stringify({ matchLabels: Object.fromEntries(labels), matchExpressions: terms })
}

const canonicalTerm = ({ key, operator, values = [] }: Term): string =>
  JSON.stringify([key, operator, [...values].sort()])

const byText = (a: readonly [string, string], b: readonly [string, string]): number =>
  a[0] < b[0] ? -1 : Number(a[0] > b[0])

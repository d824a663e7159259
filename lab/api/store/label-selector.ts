import { badRequest } from '../status.ts'

type Labels = Readonly<Record<string, string>>
export type LabelMatcher = (labels: Labels) => boolean

const KEY = '[A-Za-z0-9][-A-Za-z0-9_./]*'
const TERM = new RegExp(
  `^\\s*(?:(!)\\s*(${KEY})|(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)|(${KEY})\\s*(==|=|!=|>|<)\\s*([^\\s,()]*)|(${KEY}))\\s*$`,
)

/**
 * Compiles the text of a `labelSelector` query parameter (k8s.io/apimachinery labels.Parse). An empty text
 * matches everything.
 * @throws StatusError 400
 */
export function parseLabelSelector(text: string): LabelMatcher {
  if (text.trim() === '') return () => true
  const terms = splitTerms(text).map((term) => parseTerm(term, text))
  return (labels) => terms.every((matches) => matches(labels))
}

/** At commas that are not inside the parentheses of a set. */
const splitTerms = (text: string): string[] => text.split(/,(?![^(]*\))/)

function parseTerm(term: string, whole: string): LabelMatcher {
  const found = TERM.exec(term)
  if (found === null) {
    throw badRequest(`unable to parse requirement: ${JSON.stringify(term)} in ${JSON.stringify(whole)}`)
  }
  const [, not, absent, setKey, setOperator, set, key, operator, value, present] = found
  if (not !== undefined) return (labels) => labels[absent!] === undefined
  if (present !== undefined) return (labels) => labels[present] !== undefined
  if (setKey !== undefined) {
    const values = new Set(set!.split(',').map((one) => one.trim()))
    return setOperator === 'in'
      ? (labels) => labels[setKey] !== undefined && values.has(labels[setKey])
      : (labels) => labels[setKey] === undefined || !values.has(labels[setKey])
  }
  switch (operator) {
    case '!=':
      return (labels) => labels[key!] !== value
    case '>':
      return (labels) => Number(labels[key!]) > Number(value)
    case '<':
      return (labels) => Number(labels[key!]) < Number(value)
    default:
      return (labels) => labels[key!] === value
  }
}

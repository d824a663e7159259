import type { LabelSelector } from '#crds/selector.ts'
import { matchesSelector } from '#crds/selector.ts'
import type { KubeObject } from './api.ts'
import { KubeError } from './errors.ts'

type Term = NonNullable<LabelSelector['matchExpressions']>[number]

const SET = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/
const EQUALITY = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/
const NAME = /^[\w./-]+$/

/**
 * Reads the text form of a label selector: `a=b,c!=d,e in (x,y),f notin (z),g,!h`.
 *
 * @throws KubeError FL_KUBE_BAD_REQUEST
 */
export function parseLabelSelector(text: string): LabelSelector {
  const terms = text.trim() === '' ? [] : text.split(/,(?![^(]*\))/)
  return { matchExpressions: terms.map((term) => parseTerm(term.trim())) }
}

function parseTerm(term: string): Term {
  const set = SET.exec(term)
  if (set) {
    const values = set[3]!.split(',').map((value) => value.trim())
    return { key: set[1]!, operator: set[2] === 'in' ? 'In' : 'NotIn', values }
  }
  const equality = EQUALITY.exec(term)
  if (equality) {
    return { key: equality[1]!, operator: equality[2] === '!=' ? 'NotIn' : 'In', values: [equality[3]!] }
  }
  const absent = term.startsWith('!')
  const key = absent ? term.slice(1).trim() : term
  if (!NAME.test(key)) {
    throw new KubeError('FL_KUBE_BAD_REQUEST', `label selector: ${JSON.stringify(term)}`, { status: 400 })
  }
  return { key, operator: absent ? 'DoesNotExist' : 'Exists' }
}

/** A test for the two selectors of a list or watch; field selectors compare any path with = or !=. */
export function matcher(labelSelector = '', fieldSelector = ''): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(labelSelector)
  const fields = fieldSelector.split(',').filter((term) => term !== '')
  return (object) =>
    matchesSelector(labels, object.metadata.labels ?? {}) &&
    fields.every((term) => {
      const [, path, operator, value] = EQUALITY.exec(term.trim()) ?? []
      return path !== undefined && (fieldOf(object, path) === value) === (operator !== '!=')
    })
}

function fieldOf(object: KubeObject, path: string): string {
  let value: unknown = object
  for (const step of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[step]
  return typeof value === 'string' ? value : ''
}

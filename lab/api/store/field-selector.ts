import { badRequest } from '../status.ts'
import type { ApiObject } from '../object.ts'

/** Field label -> its value in an object. Absent values are the empty string. */
export type SelectableFields = Readonly<Record<string, (object: ApiObject) => string>>
export type ObjectMatcher = (object: ApiObject) => boolean

/** The fields that every resource can be selected by. */
export const metadataFields: SelectableFields = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
}

/**
 * Compiles the text of a `fieldSelector` query parameter. An empty text matches everything.
 * @throws StatusError 400 for a field that the resource does not offer
 */
export function parseFieldSelector(text: string, fields: SelectableFields): ObjectMatcher {
  if (text.trim() === '') return () => true
  const terms = text.split(',').map((term) => {
    const found = /^([^!=]+)(==|=|!=)(.*)$/.exec(term.trim())
    if (found === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
    const [, label, operator, value] = found
    const read = fields[label!]
    if (read === undefined) throw badRequest(`field label not supported: ${label}`)
    return { read, value, equal: operator !== '!=' }
  })
  return (object) => terms.every(({ read, value, equal }) => (read(object) === value) === equal)
}

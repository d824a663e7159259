import type { KubeObject } from '#kube/api.ts'
import { badRequest, cause, expired, invalidOptions, plainError } from '../status.ts'
import { inVersion, type Backend } from '../backend.ts'
import type { ApiObject } from '../object.ts'
import { parseFieldSelector, type ObjectMatcher } from '../store/field-selector.ts'
import { parseLabelSelector } from '../store/label-selector.ts'
import type { ResourceType } from '../types/resource-type.ts'

export interface Selection {
  /** undefined: all namespaces */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

export interface ListRequest extends Selection {
  readonly limit?: number | undefined
  readonly continue?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: string | undefined
}

export interface ListResult {
  readonly items: ApiObject[]
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

const MATCHES = ['Exact', 'NotOlderThan', '']

/** What cannot be asked of a list, as ValidateListOptions. @throws StatusError 422 */
export function checkListOptions(
  { resourceVersion = '', resourceVersionMatch: match = '' }: ListRequest,
  sendInitialEvents: boolean,
): void {
  const fail = (why: string, field = 'resourceVersionMatch') =>
    invalidOptions('ListOptions', cause.forbidden(field, why))
  if (match !== '' && resourceVersion === '') {
    throw fail('resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (!MATCHES.includes(match)) {
    throw invalidOptions('ListOptions', cause.unsupported('resourceVersionMatch', match, MATCHES))
  }
  if (match === 'Exact' && resourceVersion === '0') {
    throw fail('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
  if (sendInitialEvents) throw fail('sendInitialEvents is forbidden for list', 'sendInitialEvents')
}

/** An item of a list of a built-in kind: only the list says what it is. */
export const untyped = ({ apiVersion: _apiVersion, kind: _kind, ...item }: ApiObject): KubeObject => item

/** Objects that a request selects. @throws StatusError 400 */
export function matcherOf(type: ResourceType, selection: Selection): ObjectMatcher {
  const byLabel = parseLabelSelector(selection.labelSelector ?? '')
  const byField = parseFieldSelector(selection.fieldSelector ?? '', type.selectable)
  const { namespace } = selection
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    byLabel(object.metadata.labels ?? {}) &&
    byField(object)
}

/**
 * The objects that a request selects, in the order of their keys. All pages of one listing show the same
 * revision.
 * @throws StatusError 400, 410 when the revision of a continued listing is no longer in the history
 */
export function list(backend: Backend, type: ResourceType, request: ListRequest): ListResult {
  const { store } = backend
  const matches = matcherOf(type, request)
  const from = request.continue ? readToken(request.continue) : undefined
  const asked = listRevision(request.resourceVersion)
  const exact = request.resourceVersionMatch === 'Exact' ? asked : undefined
  if (exact !== undefined && exact > store.revision) throw badRequest('Too large resource version')
  const revision = from?.revision ?? exact ?? store.revision
  const all = at(backend, type, revision).filter((object) => matches(object))
  const rest = from === undefined ? all : all.filter((object) => orderKey(object) > from.after)
  const limit = request.limit !== undefined && request.limit > 0 ? request.limit : rest.length
  const page = rest.slice(0, limit)
  const items = page.map((object) => inVersion(object, type))
  const remaining = rest.length - page.length
  if (remaining === 0) return { items, resourceVersion: String(revision) }
  return {
    items,
    resourceVersion: String(revision),
    continue: writeToken(revision, orderKey(page.at(-1)!)),
    // As the real server, which cannot count what a selector would pick.
    ...(request.labelSelector || request.fieldSelector ? {} : { remainingItemCount: remaining }),
  }
}

function at(backend: Backend, type: ResourceType, revision: number): ApiObject[] {
  try {
    return backend.store.valuesAt(type.collection, revision)
  } catch {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    )
  }
}

/** The key in the store: the order of a listing. */
const orderKey = ({ metadata }: ApiObject): string =>
  metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name

const writeToken = (revision: number, after: string): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url')

function readToken(token: string): { revision: number; after: string } {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString())
    if (Number.isInteger(rv) && typeof start === 'string') return { revision: rv, after: start }
  } catch {
    // Falls through to the same answer as any other text that is not a token.
  }
  throw badRequest('invalid continue token: continue key is not valid')
}

/** The number of a resourceVersion; '' and '0' (any version will do) are undefined. @throws StatusError 500 */
export function parseRevision(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text === '0') return undefined
  if (!/^\d+$/.test(text)) throw plainError(notANumber(text))
  return Number(text)
}

function listRevision(text: string | undefined): number | undefined {
  if (text !== undefined && text !== '' && !/^\d+$/.test(text)) {
    throw badRequest(`invalid resource version: ${notANumber(text)}`)
  }
  return parseRevision(text)
}

const notANumber = (text: string): string => {
  const shown = JSON.stringify(text)
  return `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`
}

import { flag } from './query.ts'
import type { Exchange } from './exchange.ts'
import type { ResourcePath } from './route.ts'
import type { Services } from './services.ts'
import type { Attributes } from '../auth/authorizer.ts'
import { StatusError } from '../status.ts'

/**
 * Refuses a request that neither RBAC nor a rule of the server allows.
 * @param at undefined for what is no resource
 * @throws StatusError 403
 */
export function checkAccess(services: Services, exchange: Exchange, at: ResourcePath | undefined): void {
  const { user, path, request } = exchange
  const verb = (request.method ?? 'GET').toLowerCase()
  if (at === undefined) {
    if (services.authorizer.decide(user, { verb, path }).allowed) return
    throw refused(`User ${JSON.stringify(user.user)} cannot ${verb} path ${JSON.stringify(path)}`)
  }
  const named = selectedName(exchange, at)
  const wanted = {
    ...attributesOf(at),
    ...(named === undefined ? {} : { name: named }),
    verb: verbOf(exchange, at),
  }
  if (services.authorizer.decide(user, wanted).allowed) return
  const full = at.subresource === undefined ? at.plural : `${at.plural}/${at.subresource}`
  const where =
    at.namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(at.namespace)}`
  throw refused(
    `User ${JSON.stringify(user.user)} cannot ${wanted.verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(at.group)} ${where}`,
    at,
  )
}

function refused(why: string, at?: ResourcePath): StatusError {
  if (at === undefined) return new StatusError(403, 'Forbidden', `forbidden: ${why}`, {})
  const { group, plural, name } = at
  const subject = group === '' ? plural : `${plural}.${group}`
  const named = name === undefined ? '' : ` ${JSON.stringify(name)}`
  const details = {
    ...(name === undefined ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: plural,
  }
  return new StatusError(403, 'Forbidden', `${subject}${named} is forbidden: ${why}`, details)
}

const attributesOf = ({
  group,
  plural,
  namespace,
  name,
  subresource,
}: ResourcePath): Omit<Attributes, 'verb'> => ({
  apiGroup: group,
  resource: plural,
  ...(namespace === undefined ? {} : { namespace }),
  ...(name === undefined ? {} : { name }),
  ...(subresource === undefined ? {} : { subresource }),
})

/** A list or watch of one object by name is allowed to whoever is allowed that object, as by the real server. */
function selectedName({ request, query }: Exchange, { name }: ResourcePath): string | undefined {
  if (name !== undefined || (request.method ?? 'GET') !== 'GET') return undefined
  const terms = (query.get('fieldSelector') ?? '').split(',').map((term) => term.trim())
  return terms.map((term) => /^metadata\.name==?([^=!]+)$/.exec(term)?.[1]).find((one) => one !== undefined)
}

function verbOf({ request, query }: Exchange, { name }: ResourcePath): string {
  switch (request.method) {
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete'
    default:
      if (flag(query, 'watch')) return 'watch'
      return name === undefined ? 'list' : 'get'
  }
}

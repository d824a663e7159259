import type { Role } from './config.ts'
import type { Fault } from './errors.ts'
import type { FsmConfig } from './events.ts'
import type { Capability } from './wire/capabilities.ts'

/** RFC 9234 4.1. The order is that of the codes. */
const roleCodes = {
  provider: 0,
  'route-server': 1,
  'route-server-client': 2,
  customer: 3,
  peer: 4,
} as const satisfies Record<Role, number>

/** RFC 9234 4.2, table 2: what the other side has to be. */
export const counterparts = {
  provider: 'customer',
  customer: 'provider',
  'route-server': 'route-server-client',
  'route-server-client': 'route-server',
  peer: 'peer',
} as const satisfies Record<Role, Role>

const roleByCode = new Map(Object.entries(roleCodes).map(([role, code]) => [code as number, role as Role]))

export const roleCapability = (role: Role): Capability => ({ kind: 'role', value: roleCodes[role] })

/** The role in an OPEN; undefined when there is none, or none that has a name. */
export function peerRole(capabilities: readonly Capability[]): Role | undefined {
  const offered = capabilities.find(({ kind }) => kind === 'role')
  return offered?.kind === 'role' ? roleByCode.get(offered.value) : undefined
}

/**
 * RFC 9234 4.2 for a role that we offered: the peer's must be its counterpart. Without `strictRole` a peer that says
 * nothing is taken as it is.
 * @returns 2/11, or undefined when all is well
 */
export function checkRole(
  { role, strictRole }: FsmConfig,
  capabilities: readonly Capability[],
): Fault | undefined {
  if (role === undefined) return undefined
  const offered = new Set(capabilities.flatMap((one) => (one.kind === 'role' ? [one.value] : [])))
  const mismatch = (text: string): Fault => ({ error: 'FL_BGP_OPEN_ROLE', data: [], text })
  if (offered.size > 1) return mismatch('the peer says more than one role')
  const [value] = offered
  if (value === undefined) {
    return strictRole ? mismatch(`the peer says no role, ${counterparts[role]} is required`) : undefined
  }
  const theirs = roleByCode.get(value)
  if (theirs === counterparts[role]) return undefined
  const said = theirs ?? `role ${value}`
  return mismatch(`the peer says that it is ${said}, to ${role} it would have to be ${counterparts[role]}`)
}

/**
 * RFC 9234 5, on egress: routes to a customer, a peer or a client of a route server are marked as Only to Customer
 * with our AS. It goes by our own role, whether or not the peer speaks of roles.
 */
export const marksRoutes = (role: Role | undefined): boolean =>
  role === 'provider' || role === 'peer' || role === 'route-server'

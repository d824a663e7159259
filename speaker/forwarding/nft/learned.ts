import type { Family } from '#inet/address.ts'
import type { NetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { affinityOf, collections, countings, tuple, type Collection, type Element } from '../model.ts'
import { classText, memberClass } from '../register.ts'
import { decodeFields } from './decode.ts'
import { listIfThere } from './table-state.ts'
import { AFFINITY_MAP, familyName, TABLE } from './names.ts'

/**
 * What the kernel learned of clients outlives the replacement of the program. Numbers of lists and of their endpoints
 * may be others afterwards: what is kept is that a client of this frontend goes to that endpoint.
 */
export interface Learned {
  readonly client: string
  /** `address . port` */
  readonly endpoint: string
  /** a frontend of the list, as `collection key` */
  readonly frontend: string
  /** milliseconds that an entry lives, and that this one has left */
  readonly timeout: number
  readonly expires: number
}

/** Entries that are carried over; more clients than these at the moment of an upgrade begin anew. */
const LEARNED_LIMIT = 100_000

/** A list and a client, a word each. */
const KEY_LENGTH = 8

/** What is remembered in a table, of whatever version; [] when it has nothing that can be read. */
export async function readLearned(socket: NetfilterSocket, family: Family): Promise<Learned[]> {
  const map = async (collection: Collection) => {
    const { key, value } = collections[collection]
    const found = new Map<string, string>()
    for (const element of await listIfThere(socket, family, collection)) {
      const left = decodeFields(family, key, element.key)
      const right = element.data && decodeFields(family, value, element.data)
      if (left !== undefined && right !== undefined) found.set(left, right)
    }
    return found
  }
  const endpoints = await map('affinity-endpoints')
  if (endpoints.size === 0) return []
  const frontends = new Map<string, string>()
  for (const over of countings) {
    const { lists } = affinityOf[over]
    for (const [key, list] of await map(lists)) frontends.set(list, `${lists} ${key}`)
  }
  const learned: Learned[] = []
  // Packets change it while it is listed.
  const entries = await listIfThere(socket, family, AFFINITY_MAP, true)
  for (const { key, data, timeout, expires } of entries) {
    if (key.length !== KEY_LENGTH) return []
    const list = decodeFields(family, ['list'], key)
    const member = data && decodeFields(family, ['member'], data)
    const endpoint = endpoints.get(member ?? '')
    const frontend = frontends.get(list ?? '')
    if (endpoint === undefined || frontend === undefined || expires === 0 || expires > timeout) continue
    // An IPv4 address, or the hash of an IPv6 one (text.ts).
    const client = family === 4 ? [...key.subarray(4)].join('.') : String(key.readUInt32LE(4))
    if (learned.push({ client, endpoint, frontend, timeout, expires }) === LEARNED_LIMIT) break
  }
  return learned
}

/** Puts into a new program what can still be said with the elements that it gets. */
export function learnedText(
  family: Family,
  learned: readonly Learned[],
  elements: readonly Element[],
): string {
  if (learned.length === 0) return ''
  const lists = new Map<string, string>()
  const members = new Map<string, string>()
  for (const { collection, key, value } of elements) {
    if (countings.some((over) => affinityOf[over].lists === collection))
      lists.set(`${collection} ${key}`, value)
    else if (collection === 'affinity-endpoints') members.set(`${key.split('/')[0]} ${value}`, key)
  }
  const lines = new Map<string, string>()
  for (const { client, endpoint, frontend, timeout, expires } of learned) {
    const list = lists.get(frontend)
    const member = list === undefined ? undefined : members.get(`${list} ${endpoint}`)
    if (list === undefined || member === undefined) continue
    const key = tuple(classText(memberClass(Number(list))), client)
    const [, index] = member.split('/')
    const value = classText(memberClass(Number(list), Number(index)))
    lines.set(key, `${key} timeout ${timeout}ms expires ${expires}ms : ${value}`)
  }
  if (lines.size === 0) return ''
  const table = `${familyName(family)} ${TABLE}`
  return `add element ${table} ${AFFINITY_MAP} { ${[...lines.values()].join(', ')} }\n`
}

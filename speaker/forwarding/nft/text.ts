import { createHash } from 'node:crypto'
import { formatAddress, maxValue, type Family } from '#inet/address.ts'
import { prefixOf } from '#inet/prefix.ts'
import {
  collectionNames,
  collections,
  endpointsOf,
  fieldsOf,
  type Collection,
  type Counting,
  type Element,
  type Field,
} from '../model.ts'
import {
  chainNames,
  MASQUERADE_MARK,
  program,
  SLOT_MAJOR,
  type Action,
  type Match,
  type PacketField,
  type Property,
  type Rule,
} from '../program.ts'

/** The program as nft reads and prints it (nft 1.0.1 or newer; checked against 1.0.6, the oldest in use). */

/** Our table, in the families `ip` and `ip6`. */
export const TABLE = 'fairlead'

/** The set whose one element says which program is installed. */
export const PROGRAM_SET = 'program'

export const familyName = (family: Family): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6')

const addressType = (family: Family) => (family === 4 ? 'ipv4_addr' : 'ipv6_addr')
const mask = (family: Family, length: number): string =>
  formatAddress(prefixOf({ family, value: maxValue(family) }, length).address)

/** Source ranges are hashed by prefix length: a set for each length in use, made when it is first needed. */
export const allowedSourcesSet = (length: number): string => `allowed-sources-${length}`

/** The map that leads from a number of endpoints to the chain that chooses among so many. */
export const SPREAD_MAP = 'spread'

/** The chain that chooses one of `count` slots. */
export const spreadChain = (count: number): string => `spread-${count}`

/** A number of endpoints as traffic class `0:n`, hexadecimal as nft prints it. */
const countText = (count: number): string => `0:${count.toString(16)}`

/** A slot as traffic class `fa1e:n`. */
const slotText = (slot: number): string => `${SLOT_MAJOR.toString(16)}:${slot.toString(16)}`

// ---- declarations

const typeName = (family: Family, field: Field): string => {
  const names: Record<Field, string> = {
    address: addressType(family),
    prefix: addressType(family),
    protocol: 'inet_proto',
    port: 'inet_service',
    slot: 'classid',
    count: 'classid',
  }
  return names[field]
}

const typeText = (family: Family, fields: readonly Field[]): string =>
  fields.map((field) => typeName(family, field)).join(' . ')

function declaration(family: Family, name: Collection): string {
  const { key, value, about } = collections[name]
  const interval = key.length === 1 && key[0] === 'prefix' ? ' flags interval;' : ''
  const kind = value.length > 0 ? 'map' : 'set'
  const type = `type ${typeText(family, key)}${value.length > 0 ? ` : ${typeText(family, value)}` : ''}`
  return `${kind} ${name} { ${type};${interval} comment "${about}"; }`
}

// ---- rules

const lookupKey = (family: Family, fields: readonly PacketField[]): string => {
  const ip = familyName(family)
  const names = {
    source: `${ip} saddr`,
    destination: `${ip} daddr`,
    protocol: 'meta l4proto',
    port: 'th dport',
  }
  return fields.map((field) => names[field]).join(' . ')
}

const markText = `0x${MASQUERADE_MARK.toString(16)}`
const FRONTEND: readonly PacketField[] = ['destination', 'protocol', 'port']
const NODEPORT: readonly PacketField[] = ['protocol', 'port']

const balanceKey = (family: Family, over: Counting): string =>
  lookupKey(family, over === 'nodeports' || over === 'local-nodeports' ? NODEPORT : FRONTEND)

const property = (family: Family, name: Property): string =>
  ({
    new: 'ct state new',
    'echo-request': family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request',
    'to-this-node': 'fib daddr type local',
    'from-this-node': 'fib saddr type local',
    'not-to-loopback': family === 4 ? 'ip daddr != 127.0.0.0/8' : 'ip6 daddr != ::1',
    marked: `meta mark & ${markText} == ${markText}`,
    translated: 'ct status dnat',
    slotted: `meta priority ${slotText(0)}-${slotText(0xffff)}`,
    tcp: 'meta l4proto tcp',
    transport: 'meta l4proto { tcp, udp, sctp }',
  })[name]

function matchText(family: Family, match: Match): string {
  if ('is' in match) return property(family, match.is)
  if ('in' in match) return `${lookupKey(family, match.fields)} @${match.in}`
  if ('notIn' in match) return `${lookupKey(family, match.fields)} != @${match.notIn}`
  throw new TypeError('sourceAllowed is installed by prefix length')
}

function actionText(family: Family, action: Action): string {
  const ip = familyName(family)
  switch (action.do) {
    case 'mark':
      return `meta mark set meta mark | ${markText}`
    case 'unmark':
      return `meta mark set meta mark & 0x${(~MASQUERADE_MARK >>> 0).toString(16)}`
    case 'masquerade':
      return 'masquerade fully-random'
    case 'jump':
    case 'goto':
      return `${action.do} ${action.chain}`
    case 'count':
      return `meta priority set ${balanceKey(family, action.over)} map @${action.over} goto ${action.chain}`
    case 'random-slot':
      return `meta priority vmap @${SPREAD_MAP}`
    case 'first-slot':
      return `meta priority set ${slotText(0)}`
    case 'forget-slot':
      return 'meta priority set none'
    case 'translate': {
      const key = `${balanceKey(family, action.over)} . meta priority`
      return `dnat ${ip} to ${key} map @${endpointsOf[action.over]}`
    }
    case 'redirect':
      return `dnat ${ip} to ${ip} daddr map @pingable`
    case 'reset':
      return 'reject with tcp reset'
    case 'reject':
      return family === 4 ? 'reject with icmp port-unreachable' : 'reject with icmpv6 port-unreachable'
    default:
      return action.do
  }
}

function ruleText(family: Family, { match, actions, comment }: Rule): string {
  const parts = [
    ...match.map((one) => matchText(family, one)),
    ...actions.map((one) => actionText(family, one)),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
  ]
  return parts.join(' ')
}

/** Whether a rule is part of the program from the start. */
export const isConstant = (rule: Rule): boolean => !rule.match.some((match) => 'sourceAllowed' in match)

function programBody(family: Family): string {
  const lines: string[] = []
  for (const name of collectionNames) {
    if (name !== 'allowed-sources') lines.push(declaration(family, name))
  }
  lines.push(`map ${SPREAD_MAP} { type classid : verdict; comment "number of endpoints : chain"; }`)
  for (const name of chainNames) {
    const { hook, rules } = program[name]
    lines.push(`chain ${name} {`)
    if (hook) lines.push(`type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy accept;`)
    lines.push(...rules.filter(isConstant).map((rule) => ruleText(family, rule)), '}')
  }
  return lines.join('\n')
}

/** A number that differs when the program does: the first 32 bits of a digest of its text. */
export const programVersion = (family: Family): number =>
  createHash('sha256')
    .update(programBody(family))

    .digest()
    .readUInt32BE()

/**
 * A script that puts the program in place of whatever is in the table, empty of elements. The first two lines make
 * it work whether the table is there or not.
 */
export const installText = (family: Family): string => {
  const table = `${familyName(family)} ${TABLE}`
  const version = `0x${programVersion(family).toString(16).padStart(8, '0')}`
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    'comment "Service forwarding of Fairlead. The rules never change; Services are elements of the sets and maps."',
    `set ${PROGRAM_SET} { type mark; comment "which program this is"; elements = { ${version} }; }`,
    programBody(family),
    '}',
    '',
  ].join('\n')
}

/** Rules in a spread chain. */
export const SPREAD_RULES = 1

/** Adds the chain that chooses one of `count` slots, all equally likely, and leads to it. */
export function spreadText(family: Family, count: number): string {
  const chain = spreadChain(count)
  const table = `${familyName(family)} ${TABLE}`
  const offset = `0x${((SLOT_MAJOR << 16) >>> 0).toString(16)}`
  return [
    `add chain ${table} ${chain}`,
    `add rule ${table} ${chain} meta priority set numgen random mod ${count} offset ${offset}`,
    `add element ${table} ${SPREAD_MAP} { ${countText(count)} : jump ${chain} }`,
    '',
  ].join('\n')
}

/** Adds the set of source ranges of one prefix length and the rule that asks it. */
export function allowedSourcesText(family: Family, length: number): string {
  const ip = familyName(family)
  const table = `${ip} ${TABLE}`
  const set = allowedSourcesSet(length)
  const address = addressType(family)
  const masked = length === (family === 4 ? 32 : 128) ? '' : ` & ${mask(family, length)}`
  const key = `${lookupKey(family, FRONTEND)} . ${ip} saddr${masked}`
  return [
    `add set ${table} ${set} { type ${address} . inet_proto . inet_service . ${address}; comment "frontend . source / ${length}"; }`,
    `add rule ${table} allowed-sources ${key} @${set} accept`,
    '',
  ].join('\n')
}

/** Adds elements, many to a line: for the replacement of a program; the usual way is `encode.ts`. */
export function elementsText(family: Family, elements: readonly Element[]): string {
  const bySet = new Map<string, string[]>()
  for (const { collection, key, value } of elements) {
    const shape = collections[collection]
    // Of a source range the length is in the name of the set.
    const slash = collection === 'allowed-sources' ? key.lastIndexOf('/') : -1
    const set = slash < 0 ? collection : allowedSourcesSet(Number(key.slice(slash + 1)))
    const left = fieldsText(shape.key, slash < 0 ? key : key.slice(0, slash))
    const lines = bySet.get(set) ?? []
    bySet.set(set, lines)
    lines.push(value === '' ? left : `${left} : ${fieldsText(shape.value, value)}`)
  }
  const table = `${familyName(family)} ${TABLE}`
  return [...bySet].map(([set, lines]) => `add element ${table} ${set} { ${lines.join(', ')} }\n`).join('')
}

/** Text of `model.ts` as nft writes it. */
export const fieldsText = (fields: readonly Field[], text: string): string =>
  fieldsOf(text)
    .map((part, at) => {
      if (fields[at] === 'slot') return slotText(Number(part))
      return fields[at] === 'count' ? countText(Number(part)) : part
    })
    .join(' . ')

/** Takes the table away, whether it is there or not. */
export const removeText = (family: Family): string => {
  const table = `${familyName(family)} ${TABLE}`
  return `add table ${table}\ndelete table ${table}\n`
}

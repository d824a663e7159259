import { createHash } from 'node:crypto'
import { formatAddress, maxValue, type Family } from '#inet/address.ts'
import { prefixOf } from '#inet/prefix.ts'
import { countClass, countOfClass, SOURCE_HASH_SEED, tryParseCount } from '../balance.ts'
import type { LocalDetector } from '../config.ts'
import { ForwardingError } from '../errors.ts'
import {
  affinityOf,
  collectionNames,
  collections,
  endpointsOf,
  fieldsOf,
  type Collection,
  type Counting,
  type Element,
  type Field,
} from '../model.ts'
import { chainNames, MASQUERADE_MARK, noDetector, program, rulesOf } from '../program.ts'
import type { Action, ChainName, Match, PacketField, Property, Rule } from '../program/rule.ts'
import { CHOSEN_BASE, classText, LIST_MASK, MEMBER_MASK, memberClass, SLOT_BASE } from '../register.ts'

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

/** Lists of session affinity by their timeout: a set for each number of seconds in use, made when it is first needed. */
export const affinitySet = (seconds: number): string => `affinity-${seconds}`

/** What clients have been given; the kernel writes it by itself. */
export const AFFINITY_MAP = 'affinity'

/** Clients that are remembered: what comes beyond that is balanced as if there were no affinity. */
const AFFINITY_SIZE = 1 << 20

/** Packets that were caught untranslated. */
export const ESCAPES_COUNTER = 'escapes'

/** The map that leads from a number of endpoints to the chain that chooses among so many. */
export const SPREAD_MAP = 'spread'

/** The chain that chooses a slot for what a counting collection says, given as its number (`register.ts`). */
export function spreadChain(number: number): string {
  const { slots, balance, shard } = shapeOf(number)
  if (balance === 'random') return `spread-${slots}`
  return balance === 'source-hash' ? `source-hash-${slots}` : `round-robin-${slots}-${shard}`
}

function shapeOf(number: number) {
  const count = tryParseCount(countOfClass(number) ?? '')
  if (count === undefined)
    throw new ForwardingError('FL_FORWARDING_KERNEL', `no count is ${classText(number)}`)
  return count
}

/** A slot as traffic class `fa1e:n`. */
const slotText = (slot: number): string => classText(SLOT_BASE + slot)

// ---- declarations

const typeName = (family: Family, field: Field): string => {
  const names: Record<Field, string> = {
    address: addressType(family),
    prefix: addressType(family),
    protocol: 'inet_proto',
    port: 'inet_service',
    slot: 'classid',
    count: 'classid',
    list: 'classid',
    member: 'classid',
    seconds: '',
  }
  return names[field]
}

const typeText = (family: Family, fields: readonly Field[]): string =>
  fields.map((field) => typeName(family, field)).join(' . ')

/** Collections that are kept in several sets, each for one value of a field, made when that value first occurs. */
const inSeveralSets = (name: Collection): boolean =>
  name === 'allowed-sources' || name === 'affinity-timeouts'

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

const listKey = `meta priority & 0x${LIST_MASK.toString(16)}`

/**
 * A client of a list. For IPv6 a hash of its address: nft 1.0.6 puts the data of an `update` into the register where
 * a key of more than 16 octets goes on. Two clients with one hash share an endpoint, which harms nobody.
 */
const clientKey = (family: Family): string =>
  `${listKey} . ${family === 4 ? 'ip saddr' : `jhash ip6 saddr mod ${0xffff_ffff} seed ${CLIENT_SEED}`}`

const CLIENT_SEED = '0x1'

/** A hash has no type of its own that could be declared; the length of a packet is as wide. */
const affinityType = (family: Family): string =>
  family === 4 ? 'type classid . ipv4_addr : classid' : 'typeof meta priority . meta length : meta priority'

/** A name as nft reads it; `*` at the end stands for anything. */
function interfaceText(detector: LocalDetector): string {
  const [name, end] =
    detector.by === 'bridge'
      ? [detector.name, '']
      : detector.by === 'interface-prefix'
        ? [detector.prefix, '*']
        : ['', '']
  // What Linux takes for a name, without what nft would read in another way.
  if (!/^[^\s/:"\\*]{1,15}$/.test(name)) {
    throw new ForwardingError('FL_FORWARDING_INSTALL', `"${name}" is no name of an interface`)
  }
  return `"${name}${end}"`
}

const property = (family: Family, name: Property, detector: LocalDetector): string => {
  if (name === 'from-pod-interface') return `iifname ${interfaceText(detector)}`
  if (name === 'not-from-pod-interface') return `iifname != ${interfaceText(detector)}`
  return {
    new: 'ct state new',
    'echo-request': family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request',
    'to-this-node': 'fib daddr type local',
    'from-this-node': 'fib saddr type local',
    'not-to-loopback': family === 4 ? 'ip daddr != 127.0.0.0/8' : 'ip6 daddr != ::1',
    marked: `meta mark & ${markText} == ${markText}`,
    translated: 'ct status dnat',
    untranslated: 'ct status ! confirmed,dnat',
    chosen: `meta priority >= ${classText(CHOSEN_BASE)}`,
    'not-chosen': `meta priority < ${classText(CHOSEN_BASE)}`,
    known: `meta priority & 0x${MEMBER_MASK.toString(16)} != 0`,
    tcp: 'meta l4proto tcp',
    transport: 'meta l4proto { tcp, udp, sctp }',
  }[name]
}

function matchText(family: Family, match: Match, detector: LocalDetector): string {
  if ('is' in match) return property(family, match.is, detector)
  if ('in' in match) return `${lookupKey(family, match.fields)} @${match.in}`
  if ('notIn' in match) return `${lookupKey(family, match.fields)} != @${match.notIn}`
  throw new TypeError('such rules are installed when they are first needed')
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
    case 'count': {
      const count = `meta priority set ${balanceKey(family, action.over)} map @${action.over}`
      return action.chain === undefined ? count : `${count} goto ${action.chain}`
    }
    case 'choose-slot':
      return `meta priority vmap @${SPREAD_MAP}`
    case 'first-slot':
      return `meta priority set ${slotText(0)}`
    case 'forget':
      return 'meta priority set none'
    case 'list': {
      const { lists } = affinityOf[action.over]
      return `meta priority set ${balanceKey(family, action.over)} map @${lists} goto ${action.chain}`
    }
    case 'recall':
      return `meta priority set ${clientKey(family)} map @${AFFINITY_MAP}`
    case 'learn':
      throw new TypeError('such rules are installed when they are first needed')
    case 'unlearn':
      return `delete @${AFFINITY_MAP} { ${clientKey(family)} : meta priority }`
    case 'member': {
      const key = `${balanceKey(family, action.over)} . meta priority`
      return `meta priority set ${key} map @${affinityOf[action.over].slots}`
    }
    case 'translate-member':
      return `dnat ${ip} to meta priority map @affinity-endpoints`
    case 'catch': {
      // A map is no set to look into before Linux 6.5; the priority of what goes on is as it was.
      const count = `meta priority set ${balanceKey(family, action.over)} map @${action.over}`
      return `${count} counter name ${ESCAPES_COUNTER} drop`
    }
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

function ruleText(family: Family, { match, actions, comment }: Rule, detector: LocalDetector): string {
  const parts = [
    ...match.map((one) => matchText(family, one, detector)),
    ...actions.map((one) => actionText(family, one)),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
  ]
  return parts.join(' ')
}

/** The rules of a chain that are there from the start; others come with the first element that needs them. */
export const constantRules = (chain: ChainName, detector: LocalDetector): readonly Rule[] =>
  rulesOf(chain, detector).filter(
    ({ match }) => !match.some((one) => 'sourceAllowed' in one || 'timeoutOfList' in one),
  )

function programBody(family: Family, detector: LocalDetector): string {
  const lines: string[] = []
  for (const name of collectionNames) {
    if (!inSeveralSets(name)) lines.push(declaration(family, name))
  }
  lines.push(
    `map ${SPREAD_MAP} { type classid : verdict; comment "number of endpoints : chain"; }`,
    `map ${AFFINITY_MAP} { ${affinityType(family)}; flags dynamic,timeout; size ${AFFINITY_SIZE}; comment "list . client : endpoint of the list, as the kernel learns it"; }`,
    `counter ${ESCAPES_COUNTER} { comment "untranslated packets to a Service, dropped"; }`,
  )
  for (const name of chainNames) {
    const { hook } = program[name]
    lines.push(`chain ${name} {`)
    if (hook) lines.push(`type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy accept;`)
    lines.push(...constantRules(name, detector).map((rule) => ruleText(family, rule, detector)), '}')
  }
  return lines.join('\n')
}

/** A number that differs when the program does: the first 32 bits of a digest of its text. */
export const programVersion = (family: Family, detector: LocalDetector = noDetector): number =>
  createHash('sha256').update(programBody(family, detector)).digest().readUInt32BE()

/**
 * A script that puts the program in place of whatever is in the table, empty of elements. The first two lines make
 * it work whether the table is there or not.
 * @throws ForwardingError FL_FORWARDING_INSTALL when the detector names no possible interface
 */
export const installText = (family: Family, detector: LocalDetector = noDetector): string => {
  const table = `${familyName(family)} ${TABLE}`
  const version = `0x${programVersion(family, detector).toString(16).padStart(8, '0')}`
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    'comment "Service forwarding of Fairlead. The rules never change; Services are elements of the sets and maps."',
    `set ${PROGRAM_SET} { type mark; comment "which program this is"; elements = { ${version} }; }`,
    programBody(family, detector),
    '}',
    '',
  ].join('\n')
}

/** Rules in a spread chain. */
export const SPREAD_RULES = 1

/** Adds the chain that chooses a slot for what a counting collection says, given as its number, and leads to it. */
export function spreadText(family: Family, number: number): string {
  const { slots, balance } = shapeOf(number)
  const chain = spreadChain(number)
  const table = `${familyName(family)} ${TABLE}`
  const choice = {
    random: `numgen random mod ${slots}`,
    'round-robin': `numgen inc mod ${slots}`,
    'source-hash': `jhash ${familyName(family)} saddr mod ${slots} seed 0x${SOURCE_HASH_SEED.toString(16)}`,
  }[balance]
  return [
    `add chain ${table} ${chain}`,
    `add rule ${table} ${chain} meta priority set ${choice} offset 0x${SLOT_BASE.toString(16)}`,
    `add element ${table} ${SPREAD_MAP} { ${classText(number)} : jump ${chain} }`,
    '',
  ].join('\n')
}

/** Adds the set of lists with one affinity timeout and the rule that keeps a client's endpoint for that time. */
export function affinityText(family: Family, seconds: number): string {
  const table = `${familyName(family)} ${TABLE}`
  const set = affinitySet(seconds)
  const entry = `${clientKey(family)} timeout ${seconds}s : meta priority`
  return [
    `add set ${table} ${set} { type classid; comment "lists whose clients keep their endpoint for ${seconds} s"; }`,
    `add rule ${table} affinity-refresh ${listKey} @${set} update @${AFFINITY_MAP} { ${entry} }`,
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
    const { set, rest } = setAndKey(collection, key)
    const left = fieldsText(shape.key, rest)
    const lines = bySet.get(set) ?? []
    bySet.set(set, lines)
    lines.push(value === '' ? left : `${left} : ${fieldsText(shape.value, value)}`)
  }
  const table = `${familyName(family)} ${TABLE}`
  return [...bySet].map(([set, lines]) => `add element ${table} ${set} { ${lines.join(', ')} }\n`).join('')
}

/** The kernel's name of the set that an element lives in, and the key without what that name says. */
function setAndKey(collection: Collection, key: string): { set: string; rest: string } {
  if (!inSeveralSets(collection)) return { set: collection, rest: key }
  const at = key.lastIndexOf(collection === 'allowed-sources' ? '/' : ' . ')
  return { set: setOf({ collection, key }), rest: key.slice(0, at) }
}

/** The kernel's name of the set that an element lives in. */
export function setOf({ collection, key }: Pick<Element, 'collection' | 'key'>): string {
  if (collection === 'allowed-sources') return allowedSourcesSet(Number(key.slice(key.lastIndexOf('/') + 1)))
  if (collection === 'affinity-timeouts') return affinitySet(Number(key.slice(key.lastIndexOf(' ') + 1)))
  return collection
}

/** Text of `model.ts` as nft writes it. */
export const fieldsText = (fields: readonly Field[], text: string): string =>
  fieldsOf(text)
    .map((part, at) => {
      switch (fields[at]) {
        case 'slot':
          return slotText(Number(part))
        case 'count':
          return classText(countClass(part) ?? 0)
        case 'list':
        case 'member':
          return classText(memberNumber(part))
        default:
          return part
      }
    })
    .join(' . ')

/** `12` or `12/5` as its number. */
const memberNumber = (text: string): number => {
  const [list, index = 0] = text.split('/').map(Number)
  return memberClass(list, index)
}

/** Takes the table away, whether it is there or not. */
export const removeText = (family: Family): string => {
  const table = `${familyName(family)} ${TABLE}`
  return `add table ${table}\ndelete table ${table}\n`
}

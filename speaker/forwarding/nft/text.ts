import { createHash } from 'node:crypto'
import { formatAddress, maxValue, type Family } from '#inet/address.ts'
import { prefixOf } from '#inet/prefix.ts'
import { countClass, SOURCE_HASH_SEED } from '../balance.ts'
import type { LocalDetector } from '../config.ts'
import {
  collectionNames,
  collections,
  fieldsOf,
  isInterval,
  type Collection,
  type Element,
  type Field,
} from '../model.ts'
import { chainNames, noDetector, program, rulesOf } from '../program.ts'
import type { ChainName, Rule } from '../program/rule.ts'
import { classText, memberClass, SLOT_BASE } from '../register.ts'
import {
  addressType,
  affinitySet,
  AFFINITY_MAP,
  allowedSourcesSet,
  ESCAPES_COUNTER,
  familyName,
  inSeveralSets,
  PROGRAM_SET,
  RETURNED_COUNTER,
  setOf,
  shapeOf,
  SPREAD_MAP,
  spreadChain,
  TABLE,
} from './names.ts'
import { clientKey, FRONTEND, listKey, lookupKey, ruleText, slotText } from './rule-text.ts'

/** The program as nft reads and prints it (nft 1.0.6 or newer). */

const mask = (family: Family, length: number): string =>
  formatAddress(prefixOf({ family, value: maxValue(family) }, length).address)

/** Clients that are remembered: what comes beyond that is balanced as if there were no affinity. */
const AFFINITY_SIZE = 1 << 20

/** A hash has no type of its own that could be declared; the length of a packet is as wide. */
const affinityType = (family: Family): string =>
  family === 4 ? 'type classid . ipv4_addr : classid' : 'typeof meta priority . meta length : meta priority'

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

function declaration(family: Family, name: Collection): string {
  const { key, value, about } = collections[name]
  const interval = isInterval(name) ? ' flags interval;' : ''
  const kind = value.length > 0 ? 'map' : 'set'
  const type = `type ${typeText(family, key)}${value.length > 0 ? ` : ${typeText(family, value)}` : ''}`
  return `${kind} ${name} { ${type};${interval} comment "${about}"; }`
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
    `counter ${RETURNED_COUNTER} { comment "packets to an address that no Service has any more, refused"; }`,
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
  const set = affinitySet(seconds)
  const about = `lists whose clients keep their endpoint for ${seconds} s`
  return `add set ${familyName(family)} ${TABLE} ${set} { type classid; comment "${about}"; }\n${affinityRule(family, seconds)}`
}

function affinityRule(family: Family, seconds: number): string {
  const entry = `${clientKey(family)} timeout ${seconds}s : meta priority`
  const match = `${listKey} @${affinitySet(seconds)}`
  return `add rule ${familyName(family)} ${TABLE} affinity-refresh ${match} update @${AFFINITY_MAP} { ${entry} }\n`
}

/** Adds the set of source ranges of one prefix length and the rule that asks it. */
export function allowedSourcesText(family: Family, length: number): string {
  const address = addressType(family)
  const type = `type ${address} . inet_proto . inet_service . ${address}`
  const set = `${TABLE} ${allowedSourcesSet(length)}`
  return `add set ${familyName(family)} ${set} { ${type}; comment "frontend . source / ${length}"; }\n${allowedSourcesRule(family, length)}`
}

function allowedSourcesRule(family: Family, length: number): string {
  const ip = familyName(family)
  const masked = length === (family === 4 ? 32 : 128) ? '' : ` & ${mask(family, length)}`
  const key = `${lookupKey(family, FRONTEND)} . ${ip} saddr${masked}`
  return `add rule ${ip} ${TABLE} allowed-sources ${key} @${allowedSourcesSet(length)} accept\n`
}

/** Takes chains of `spreadText` away. */
export function dropSpreadsText(family: Family, numbers: readonly number[]): string {
  const table = `${familyName(family)} ${TABLE}`
  const chains = numbers.map(spreadChain)
  return [
    `delete element ${table} ${SPREAD_MAP} { ${numbers.map(classText).join(', ')} }`,
    ...chains.flatMap((chain) => [`flush chain ${table} ${chain}`, `delete chain ${table} ${chain}`]),
    '',
  ].join('\n')
}

/** Takes sets of `affinityText` away; `kept` are the others. A rule has no name: all go, and those that stay come back. */
export const dropAffinityText = (
  family: Family,
  numbers: readonly number[],
  kept: readonly number[],
): string =>
  [
    `flush chain ${familyName(family)} ${TABLE} affinity-refresh\n`,
    ...numbers.map((seconds) => `delete set ${familyName(family)} ${TABLE} ${affinitySet(seconds)}\n`),
    ...kept.map((seconds) => affinityRule(family, seconds)),
  ].join('')

/** The same for sets of `allowedSourcesText`. */
export const dropSourcesText = (
  family: Family,
  numbers: readonly number[],
  kept: readonly number[],
): string =>
  [
    `flush chain ${familyName(family)} ${TABLE} allowed-sources\n`,
    ...numbers.map((length) => `delete set ${familyName(family)} ${TABLE} ${allowedSourcesSet(length)}\n`),
    ...kept.map((length) => allowedSourcesRule(family, length)),
  ].join('')

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

import type { Family } from '#inet/address.ts'
import { SystemError } from '#raw-socket/errors.ts'
import { attributeText, parseAttributes, parseNested } from '#raw-socket/netlink/message.ts'
import { nftMessages, type NetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { countOfClass, slotsIn } from '../balance.ts'
import { collectionNames, countings, endpointsOf, type Collection } from '../model.ts'
import type { LocalDetector } from '../config.ts'
import { chainNames } from '../program.ts'
import { attributes, nfFamily } from './encode.ts'
import {
  comesTwice,
  decodeCollection,
  decodeElements,
  type DecodedCollection,
  type RawElement,
} from './decode.ts'
import { affinitySet, allowedSourcesSet, PROGRAM_SET, SPREAD_MAP, spreadChain, TABLE } from './names.ts'
import { constantRules, programVersion, SPREAD_RULES } from './text.ts'

/** What the kernel holds of one family's table. */
export interface TableState {
  /** 'whole': our program, as it should be; 'other': an older or damaged one */
  readonly program: 'absent' | 'whole' | 'other'
  /** what counting collections say, as numbers (`register.ts`), for which there is a chain */
  readonly spreads: ReadonlySet<number>
  /** prefix lengths of source ranges that can be used */
  readonly sourceLengths: ReadonlySet<number>
  /** seconds of session affinity that can be used */
  readonly timeouts: ReadonlySet<number>
}

const NFTA_TABLE_NAME = 1
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_SET_TABLE = 1
const NFTA_SET_NAME = 2
const NFT_MSG_GETOBJ = 19
const NFTA_OBJ_TABLE = 1
const NFTA_OBJ_NAME = 2
const NFTA_OBJ_DATA = 4
const NFTA_COUNTER_PACKETS = 2

const absent: TableState = {
  program: 'absent',
  spreads: new Set(),
  sourceLengths: new Set(),
  timeouts: new Set(),
}

/** Looks at table, chains, rules and sets, not at what Services put into them. */
export async function readTableState(
  socket: NetfilterSocket,
  family: Family,
  detector: LocalDetector,
): Promise<TableState> {
  const tables = await names(socket, nftMessages.getTable, family, NFTA_TABLE_NAME)
  if (!tables.includes(TABLE)) return absent
  const other: TableState = { ...absent, program: 'other' }
  const inTable = (type: number, table: number, name: number) =>
    names(socket, type, family, name, (answer) => attributeText(answer.get(table) ?? empty) === TABLE)
  const sets = new Set(await inTable(nftMessages.getSet, NFTA_SET_TABLE, NFTA_SET_NAME))
  if (!sets.has(PROGRAM_SET)) return other
  const [version] = await listSet(socket, family, PROGRAM_SET)
  if (version?.key.readUInt32LE(0) !== programVersion(family, detector)) return other

  const chains = await inTable(nftMessages.getChain, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME)
  const rules = new Map(chains.map((chain) => [chain, 0]))
  for (const chain of await inTable(nftMessages.getRule, NFTA_RULE_TABLE, NFTA_RULE_CHAIN)) {
    rules.set(chain, (rules.get(chain) ?? 0) + 1)
  }
  const sourceLengths = numbersIn(sets, allowedSourcesSet)
  const timeouts = numbersIn(sets, affinitySet)
  for (const name of chainNames) {
    const constant = constantRules(name, detector).length
    const extra =
      name === 'allowed-sources' ? sourceLengths.size : name === 'affinity-refresh' ? timeouts.size : 0
    if (rules.get(name) !== constant + extra) return other
  }
  const spreads = new Set<number>()
  for (const { key, chain } of await listSet(socket, family, SPREAD_MAP)) {
    const number = key.readUInt32LE(0)
    const known = countOfClass(number) !== undefined
    if (!known || chain !== spreadChain(number) || rules.get(chain) !== SPREAD_RULES) return other
    spreads.add(number)
  }
  return { program: 'whole', spreads, sourceLengths, timeouts }
}

/** The numbers with which the names of some sets are made. */
const numbersIn = (sets: ReadonlySet<string>, name: (number: number) => string): Set<number> => {
  const prefix = name(0).slice(0, -1)
  return new Set(
    [...sets].flatMap((set) => {
      const number = Number(set.slice(prefix.length))
      return set === name(number) ? [number] : []
    }),
  )
}

/**
 * Every collection of a table whose program is whole; undefined when there is an element that we never write. That
 * one could not even be deleted by what we call it: such a table is replaced.
 */
export async function readCollections(
  socket: NetfilterSocket,
  family: Family,
  { sourceLengths, timeouts }: TableState,
): Promise<Record<Collection, Map<string, string>> | undefined> {
  const found = {} as Record<Collection, Map<string, string>>
  const read = async (name: Collection, set: string, ofSet?: number): Promise<boolean> => {
    const part = await listCollection(socket, family, name, set, ofSet)
    if (part === undefined) return false
    if (found[name] === undefined) found[name] = part
    else for (const [key, value] of part) found[name].set(key, value)
    return true
  }
  for (const name of collectionNames) {
    if (name === 'allowed-sources' || name === 'affinity-timeouts') {
      found[name] = new Map()
      const sources = name === 'allowed-sources'
      for (const number of sources ? sourceLengths : timeouts) {
        const set = sources ? allowedSourcesSet(number) : affinitySet(number)
        if (!(await read(name, set, number))) return undefined
      }
    } else if (!(await read(name, name))) return undefined
  }
  return found
}

/** The packets of the program's counters, by their names, since it was installed; none without one. */
export async function readCounters(socket: NetfilterSocket, family: Family): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const answer of await dump(socket, NFT_MSG_GETOBJ, family)) {
    const text = (type: number) => attributeText(answer.get(type) ?? empty)
    if (text(NFTA_OBJ_TABLE) !== TABLE) continue
    const packets = parseNested(answer, NFTA_OBJ_DATA).get(NFTA_COUNTER_PACKETS)
    if (packets !== undefined) found.set(text(NFTA_OBJ_NAME), Number(packets.readBigUInt64BE(0)))
  }
  return found
}

/** Chain and table names, of whatever table: what is needed to recognise others. */
export async function readForeignNames(
  socket: NetfilterSocket,
): Promise<{ family: Family; table: string; chain: string }[]> {
  const found: { family: Family; table: string; chain: string }[] = []
  for (const family of [4, 6] as const) {
    for (const answer of await dump(socket, nftMessages.getChain, family)) {
      const text = (type: number) => attributeText(answer.get(type) ?? empty)
      found.push({ family, table: text(NFTA_CHAIN_TABLE), chain: text(NFTA_CHAIN_NAME) })
    }
  }
  return found
}

const empty = Buffer.alloc(0)
/** Other writers may commit while the kernel lists; a listing that this happened to is taken again. */
const DUMP_ATTEMPTS = 5

async function dump(
  socket: NetfilterSocket,
  type: number,
  family: Family,
  write?: Parameters<NetfilterSocket['dump']>[2],
): Promise<Map<number, Buffer>[]> {
  return (await dumpBodies(socket, type, family, write)).map((body) => parseAttributes(body.subarray(4)))
}

async function dumpBodies(
  socket: NetfilterSocket,
  type: number,
  family: Family,
  write?: Parameters<NetfilterSocket['dump']>[2],
): Promise<Buffer[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await socket.dump(type, nfFamily(family), write)
    } catch (error) {
      const interrupted = error instanceof SystemError && error.code === 'FL_SYS_DUMP_INTERRUPTED'
      if (!interrupted || attempt === DUMP_ATTEMPTS) throw error
    }
  }
}

/** The elements of one set or map, each once; with `roughly` some may come twice or be missing. */
export function listSet(
  socket: NetfilterSocket,
  family: Family,
  set: string,
  roughly = false,
): Promise<RawElement[]> {
  return untilOnce(socket, family, set, (answers) => {
    const elements = decodeElements(answers)
    return { value: elements, twice: !roughly && comesTwice(elements) }
  })
}

/** The elements of one set or map as a collection; undefined when one of them is something that we never write. */
function listCollection(
  socket: NetfilterSocket,
  family: Family,
  name: Collection,
  set: string,
  ofSet?: number,
): Promise<DecodedCollection['elements'] | undefined> {
  return untilOnce(socket, family, set, (answers) => {
    const decoded = decodeCollection(family, name, answers, ofSet)
    return { value: decoded?.elements, twice: decoded?.twice === true }
  })
}

/** Lists a set until no element comes twice. */
async function untilOnce<T>(
  socket: NetfilterSocket,
  family: Family,
  set: string,
  read: (answers: readonly Buffer[]) => { readonly value: T; readonly twice: boolean },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const answers = await dumpBodies(socket, nftMessages.getSetElem, family, (writer) => {
      writer.attributeString(attributes.listTable, TABLE).attributeString(attributes.listSet, set)
    })
    const { value, twice } = read(answers)
    if (!twice) return value
    if (attempt === DUMP_ATTEMPTS) {
      throw new SystemError('FL_SYS_DUMP_INTERRUPTED', `nf_tables: ${set} is being rearranged`)
    }
  }
}

/** As `listSet`; [] of what is not there. */
export const listIfThere = (
  socket: NetfilterSocket,
  family: Family,
  set: string,
  roughly = false,
): Promise<readonly RawElement[]> => orIfAbsent(listSet(socket, family, set, roughly), [])

async function orIfAbsent<T>(listing: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await listing
  } catch (error) {
    if (error instanceof SystemError && error.errnoName === 'ENOENT') return otherwise
    throw error
  }
}

/**
 * Which endpoint is in which slot in a table of another program, where it says so in a way that we know; undefined on
 * any doubt.
 */
export async function readSlots(
  socket: NetfilterSocket,
  family: Family,
): Promise<Partial<Record<Collection, Map<string, string>>> | undefined> {
  const found: Partial<Record<Collection, Map<string, string>>> = {}
  for (const over of countings) {
    for (const name of [over, endpointsOf[over]]) {
      const part = await orIfAbsent(
        listCollection(socket, family, name, name),
        new Map<string, string>() as Map<string, string> | undefined,
      )
      if (part === undefined) return undefined
      found[name] = part
    }
    let counted = 0
    for (const count of found[over]?.values() ?? []) counted += slotsIn(count)
    if (counted !== found[endpointsOf[over]]?.size) return undefined
  }
  return found
}

async function names(
  socket: NetfilterSocket,
  type: number,
  family: Family,
  name: number,
  wanted: (answer: ReadonlyMap<number, Buffer>) => boolean = () => true,
): Promise<string[]> {
  const answers = await dump(socket, type, family)
  return answers.filter(wanted).map((answer) => attributeText(answer.get(name) ?? empty))
}

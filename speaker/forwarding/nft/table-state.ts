import type { Family } from '#inet/address.ts'
import { SystemError } from '#raw-socket/errors.ts'
import { attributeText, parseAttributes } from '#raw-socket/netlink/message.ts'
import { nftMessages, type NetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { collectionNames, type Collection } from '../model.ts'
import { chainNames, program } from '../program.ts'
import { attributes, nfFamily } from './encode.ts'
import { decodeCollection, decodeElements } from './decode.ts'
import {
  allowedSourcesSet,
  isConstant,
  programVersion,
  PROGRAM_SET,
  SPREAD_MAP,
  SPREAD_RULES,
  spreadChain,
  TABLE,
} from './text.ts'

/** What the kernel holds of one family's table. */
export interface TableState {
  /** 'whole': our program, as it should be; 'other': an older or damaged one */
  readonly program: 'absent' | 'whole' | 'other'
  /** numbers of endpoints for which there is a chain */
  readonly spreads: ReadonlySet<number>
  /** prefix lengths of source ranges that can be used */
  readonly sourceLengths: ReadonlySet<number>
}

const NFTA_TABLE_NAME = 1
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_SET_TABLE = 1
const NFTA_SET_NAME = 2

const absent: TableState = { program: 'absent', spreads: new Set(), sourceLengths: new Set() }

/** Looks at table, chains, rules and sets, not at what Services put into them. */
export async function readTableState(socket: NetfilterSocket, family: Family): Promise<TableState> {
  const tables = await names(socket, nftMessages.getTable, family, NFTA_TABLE_NAME)
  if (!tables.includes(TABLE)) return absent
  const other: TableState = { ...absent, program: 'other' }
  const inTable = (type: number, table: number, name: number) =>
    names(socket, type, family, name, (answer) => attributeText(answer.get(table) ?? empty) === TABLE)
  const sets = new Set(await inTable(nftMessages.getSet, NFTA_SET_TABLE, NFTA_SET_NAME))
  if (!sets.has(PROGRAM_SET)) return other
  const [version] = decodeElements(await dumpSet(socket, family, PROGRAM_SET))
  if (version?.key.readUInt32LE(0) !== programVersion(family)) return other

  const chains = await inTable(nftMessages.getChain, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME)
  const rules = new Map(chains.map((chain) => [chain, 0]))
  for (const chain of await inTable(nftMessages.getRule, NFTA_RULE_TABLE, NFTA_RULE_CHAIN)) {
    rules.set(chain, (rules.get(chain) ?? 0) + 1)
  }
  const sourceLengths = new Set(
    [...sets].flatMap((set) => {
      const length = Number(set.slice(allowedSourcesSet(0).length - 1))
      return set === allowedSourcesSet(length) ? [length] : []
    }),
  )
  for (const name of chainNames) {
    const wanted = program[name].rules.filter(isConstant).length
    const extra = name === 'allowed-sources' ? sourceLengths.size : 0
    if (rules.get(name) !== wanted + extra) return other
  }
  const spreads = new Set<number>()
  for (const { key, chain } of decodeElements(await dumpSet(socket, family, SPREAD_MAP))) {
    const count = key.readUInt32LE(0)
    if (chain !== spreadChain(count) || rules.get(chain) !== SPREAD_RULES) return other
    spreads.add(count)
  }
  return { program: 'whole', spreads, sourceLengths }
}

/** Every collection of a table whose program is whole. */
export async function readCollections(
  socket: NetfilterSocket,
  family: Family,
  sourceLengths: ReadonlySet<number>,
): Promise<Record<Collection, Map<string, string>>> {
  const found = {} as Record<Collection, Map<string, string>>
  for (const name of collectionNames) {
    if (name !== 'allowed-sources') {
      found[name] = decodeCollection(family, name, await dumpSet(socket, family, name))
      continue
    }
    found[name] = new Map()
    for (const length of sourceLengths) {
      const answers = await dumpSet(socket, family, allowedSourcesSet(length))
      for (const [key, value] of decodeCollection(family, name, answers, length)) found[name].set(key, value)
    }
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

const dumpSet = (socket: NetfilterSocket, family: Family, set: string): Promise<Buffer[]> =>
  dumpBodies(socket, nftMessages.getSetElem, family, (writer) => {
    writer.attributeString(attributes.listTable, TABLE).attributeString(attributes.listSet, set)
  })

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

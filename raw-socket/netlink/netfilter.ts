import { SystemError } from '../errors.ts'
import {
  attributeText,
  messageFlags,
  NetlinkWriter,
  parseAttributes,
  type NetlinkMessage,
} from './message.ts'
import { netlinkProtocols, openNetlink, type NetlinkSocket } from './socket.ts'

/** Message types of the nf_tables subsystem (linux/netfilter/nf_tables.h, enum nf_tables_msg_types). */
export const nftMessages = {
  newTable: 0,
  getTable: 1,
  delTable: 2,
  newChain: 3,
  getChain: 4,
  delChain: 5,
  newRule: 6,
  getRule: 7,
  delRule: 8,
  newSet: 9,
  getSet: 10,
  delSet: 11,
  newSetElem: 12,
  getSetElem: 13,
  delSetElem: 14,
  newGen: 15,
  getGen: 16,
} as const

/** Families of tables: NFPROTO_ in linux/netfilter.h. */
export const nfFamilies = { unspec: 0, inet: 1, ipv4: 2, arp: 3, netdev: 5, bridge: 7, ipv6: 10 } as const

const NFNL_SUBSYS_NFTABLES = 10
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNLGRP_NFTABLES = 7

/** The table's name in messages about tables and all that is in them: NFTA_TABLE_NAME, NFTA_SET_ELEM_LIST_TABLE … */
const NFTA_TABLE = 1
const NFTA_GEN_ID = 1
const NFTA_GEN_PROC_PID = 2
const NFTA_GEN_PROC_NAME = 3

/** Collects the messages of one transaction. */
export interface NetfilterBatch {
  /**
   * Starts a message of the nf_tables subsystem with its nfgenmsg header; write its attributes to the writer that
   * is returned, then call `end`. `flags` are those of `messageFlags` besides `request`, which is always set.
   */
  begin(messageType: number, flags: number, family: number): NetlinkWriter
  end(): void
  /** octets so far, to stay below `maxBatch` */
  readonly length: number
  /** messages so far */
  readonly count: number
}

/** The rule set of this namespace was changed by a transaction. */
export interface GenerationEvent {
  readonly generation: number
  /** this very socket did it */
  readonly own: boolean
  /** who did it, by the numbers of the first process namespace */
  readonly pid: number
  readonly processName: string
  /** tables that the transaction did something to; not said of one's own */
  readonly tables: readonly ChangedTable[]
}

export interface ChangedTable {
  /** of `nfFamilies` */
  readonly family: number
  readonly name: string
}

/** nf_tables of the network namespace in which it was opened. */
export interface NetfilterSocket {
  /** octets that one transaction may have, some for its own frame included */
  readonly maxBatch: number
  /**
   * Applies all messages that `build` writes as one transaction: all or nothing. `build` runs at once; nothing is
   * sent when it writes no message or throws. Transactions wait for one another.
   * @throws SystemError FL_SYS_NETLINK with `index`, the position of the first message refused (-1 when the
   *   transaction as a whole was), FL_SYS_TOO_LONG beyond `maxBatch`, and what `NetlinkSocket.request` throws
   */
  apply(build: (batch: NetfilterBatch) => void): Promise<void>
  /** Number of the rule set; each transaction of anybody adds one. */
  generation(): Promise<number>
  /**
   * Lists: the bodies of the answers, each an nfgenmsg of 4 octets and then attributes. The kernel marks a listing
   * during which the rule set changed, which then is an error, but not one during which it moved a set's elements
   * to a larger or smaller hash table (for some milliseconds after thousands were added or deleted): elements may
   * then be missing or come twice. List again while one comes twice or two listings differ.
   * @throws SystemError FL_SYS_NETLINK (ENOENT for what is not there), FL_SYS_DUMP_INTERRUPTED
   */
  dump(messageType: number, family: number, attributes?: (writer: NetlinkWriter) => void): Promise<Buffer[]>
  /** Calls for each transaction of anybody from now on; 'overrun' when some were missed. */
  watch(onChange: (event: GenerationEvent | 'overrun') => void): { close(): void }
  close(): void
}

/** @throws SystemError FL_SYS_ERRNO */
export function openNetfilterSocket(): NetfilterSocket {
  return new NfTablesSocket()
}

class NfTablesSocket implements NetfilterSocket {
  readonly maxBatch: number
  readonly #socket: NetlinkSocket
  readonly #events: NetlinkSocket
  readonly #watchers = new Set<(event: GenerationEvent | 'overrun') => void>()
  /** named since the last event: the kernel tells what a transaction did, and then that it was done */
  readonly #changed = new Map<string, ChangedTable>()
  #writer = new NetlinkWriter(CAPACITY)

  constructor() {
    this.#socket = openNetlink(netlinkProtocols.netfilter)
    this.maxBatch = this.#socket.maxRequest
    const overrun = (): void => {
      this.#changed.clear()
      for (const watcher of this.#watchers) watcher('overrun')
    }
    // A socket of their own, so that a flood of events disturbs no transaction; opened now, to be in this namespace.
    this.#events = openNetlink(netlinkProtocols.netfilter, {
      onMessage: (message) => this.#onEvent(message),
      onOverrun: overrun,
      onError: overrun,
    })
  }

  async apply(build: (batch: NetfilterBatch) => void): Promise<void> {
    const first = this.#socket.sequence()
    const batch = new Batch(this.#writer.reset(), first)
    build(batch)
    const count = batch.count
    if (count === 0) return
    const { payload, last } = batch.finish()
    // The numbers that the batch counted up itself.
    this.#socket.sequence(count + 1)
    if (payload.length > KEPT_CAPACITY) this.#writer = new NetlinkWriter(CAPACITY)
    try {
      await this.#socket.request(payload, last, first)
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'FL_SYS_NETLINK') throw error
      // The first message sent is the frame's own; a refusal of it is one of the whole.
      const { errno, seq, message } = error
      throw new SystemError(error.code, message, { errno, seq, index: error.index - 1, cause: error })
    }
  }

  async generation(): Promise<number> {
    const seq = this.#socket.sequence()
    const request = new NetlinkWriter(64)
    header(request, nftMessages.getGen, messageFlags.request | messageFlags.ack, seq, 0)
    const [answer] = await this.#socket.request(request.end().finish(), seq)
    return parseGeneration(answer).generation
  }

  async dump(
    messageType: number,
    family: number,
    attributes?: (writer: NetlinkWriter) => void,
  ): Promise<Buffer[]> {
    const seq = this.#socket.sequence()
    const request = new NetlinkWriter(256)
    header(request, messageType, messageFlags.request | messageFlags.dump, seq, family)
    attributes?.(request)
    const answers = await this.#socket.request(request.end().finish(), seq)
    return answers.map(({ body }) => body)
  }

  watch(onChange: (event: GenerationEvent | 'overrun') => void): { close(): void } {
    if (this.#watchers.size === 0) this.#events.join(NFNLGRP_NFTABLES)
    this.#watchers.add(onChange)
    return { close: () => void this.#watchers.delete(onChange) }
  }

  close(): void {
    this.#socket.close()
    this.#events.close()
  }

  #onEvent(message: NetlinkMessage): void {
    const own = message.pid === this.#socket.port
    if (message.type !== messageType(nftMessages.newGen)) {
      if (!own) this.#noteTable(message)
      return
    }
    const event = { ...parseGeneration(message), own, tables: [...this.#changed.values()] }
    this.#changed.clear()
    for (const watcher of this.#watchers) watcher(event)
  }

  #noteTable({ body }: NetlinkMessage): void {
    const family = body[0] ?? nfFamilies.unspec
    const table = parseAttributes(body.subarray(4)).get(NFTA_TABLE)
    if (table === undefined) return
    const name = attributeText(table)
    this.#changed.set(`${family} ${name}`, { family, name })
  }
}

/** Memory that a writer starts with, and beyond which it is not kept for the next transaction. */
const CAPACITY = 64 << 10
const KEPT_CAPACITY = 256 << 10

/** The messages of a transaction between NFNL_MSG_BATCH_BEGIN and NFNL_MSG_BATCH_END. */
class Batch implements NetfilterBatch {
  readonly #writer: NetlinkWriter
  #seq: number
  #last = 0
  #lastAt = 0

  constructor(writer: NetlinkWriter, first: number) {
    this.#writer = writer
    this.#seq = first
    frame(writer, NFNL_MSG_BATCH_BEGIN, first)
  }

  get length(): number {
    return this.#writer.length
  }

  get count(): number {
    return this.#writer.count - 1
  }

  begin(messageType: number, flags: number, family: number): NetlinkWriter {
    this.#lastAt = this.#writer.length
    this.#last = ++this.#seq
    header(this.#writer, messageType, messageFlags.request | flags, this.#last, family)
    return this.#writer
  }

  end(): void {
    this.#writer.end()
  }

  finish(): { payload: Uint8Array; last: number } {
    frame(this.#writer, NFNL_MSG_BATCH_END, ++this.#seq)
    const payload = this.#writer.finish()
    // One acknowledgement, of the last message, tells that the whole was committed; refusals come unasked.
    payload[this.#lastAt + 6] |= messageFlags.ack
    return { payload, last: this.#last }
  }
}

const messageType = (type: number): number => (NFNL_SUBSYS_NFTABLES << 8) | type

/** Begins a message with struct nfgenmsg: family, version 0, resource 0. */
function header(writer: NetlinkWriter, type: number, flags: number, seq: number, family: number): void {
  writer.begin(messageType(type), flags, seq).u8(family).u8(0).u16be(0)
}

/** A message of the batch frame, in which the resource is the subsystem. */
function frame(writer: NetlinkWriter, type: number, seq: number): void {
  writer.begin(type, messageFlags.request, seq).u8(0).u8(0).u16be(NFNL_SUBSYS_NFTABLES).end()
}

function parseGeneration(message: NetlinkMessage | undefined): Omit<GenerationEvent, 'own' | 'tables'> {
  const attributes = message && parseAttributes(message.body.subarray(4))
  const generation = attributes?.get(NFTA_GEN_ID)
  if (attributes === undefined || generation === undefined || generation.length < 4) {
    throw new SystemError('FL_SYS_TRUNCATED', 'nf_tables: an answer without a generation')
  }
  return {
    generation: generation.readUInt32BE(0),
    pid: attributes.get(NFTA_GEN_PROC_PID)?.readUInt32BE(0) ?? 0,
    processName: attributeText(attributes.get(NFTA_GEN_PROC_NAME) ?? Buffer.alloc(0)),
  }
}

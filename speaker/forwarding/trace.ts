import { addressToBytes, parseAddress, tryParseAddress, type Address, type Family } from '#inet/address.ts'
import { formatPrefix, parsePrefix, prefixContains, prefixOf } from '#inet/prefix.ts'
import type { Protocol } from '#kube/objects/service.ts'
import { SOURCE_HASH_SEED, tryParseCount, type SlotCount } from './balance.ts'
import type { LocalDetector } from './config.ts'
import { jhash, slotOfHash } from './jhash.ts'
import {
  affinityOf,
  collections,
  endpointsOf,
  fieldsOf,
  tuple,
  type Collection,
  type Counting,
  type Elements,
} from './model.ts'
import { isPodInterface, noDetector, rulesOf } from './program.ts'
import type { ChainName, Match, PacketField, Property, Rule } from './program/rule.ts'

/** Follows the first packet of a connection through the program: what would happen to it, and by which rules. */

export interface TracePacket {
  readonly source: string
  readonly destination: string
  /** ICMP stands for an echo request */
  readonly protocol: Protocol | 'ICMP'
  /** destination port; 0 for ICMP */
  readonly port: number
  /** by which it came in; matters where pods are told from others by their interfaces */
  readonly interface?: string
}

interface TraceStep {
  readonly chain: ChainName
  /** position of the rule in its chain, from 0 */
  readonly rule: number
  /** what the rule looks at and does, in words */
  readonly text: string
}

export interface TraceResult {
  /**
   * 'forward': goes to one of the endpoints; 'answer': this node answers the ping; 'untouched': no Service is
   * concerned, whatever else the node does with it
   */
  readonly verdict: 'forward' | 'answer' | 'untouched' | 'reject' | 'drop'
  readonly endpoints: readonly {
    /** `address:port` */
    readonly endpoint: string
    /** the endpoint sees an address of this node */
    readonly masquerade: boolean
  }[]
  /** seconds for which a client keeps the endpoint that it has; absent without session affinity: each connection chooses */
  readonly affinity?: number
  readonly steps: readonly TraceStep[]
}

/** A packet on its way: what rules may change. */
interface Travelling {
  readonly source: string
  destination: string
  readonly protocol: string
  port: number
  marked: boolean
  masquerade: boolean
  translated: boolean
  readonly interface: string
  /** what its frontend's collection says */
  count: SlotCount
  /** those it may take */
  slots: readonly number[]
  /** of session affinity: its list, and the endpoints of the list that it may get, `list/index` */
  list: string
  members: readonly string[]
  affinity: number | undefined
  candidates: readonly { address: string; port: number }[]
}

type Fate = 'next' | 'return' | 'accept' | 'drop' | 'reject'

/**
 * Names every endpoint that the connection of a new client may get. `isLocal` says whether an address is one of this
 * node's, as `fib … type local` does; `detector` is the one that the program was made with.
 * @throws InetError FL_INET_ADDRESS
 */
export function trace(
  elements: Elements,
  packet: TracePacket,
  isLocal: (address: string) => boolean,
  detector: LocalDetector = noDetector,
): TraceResult {
  const { family } = parseAddress(packet.destination)
  const steps: TraceStep[] = []
  const walk = new Walk(elements[family], { isLocal, detector, steps })
  const start: Travelling = {
    source: packet.source,
    destination: packet.destination,
    protocol: packet.protocol.toLowerCase(),
    port: packet.port,
    marked: false,
    masquerade: false,
    translated: false,
    interface: packet.interface ?? '',
    count: none,
    slots: [],
    list: '',
    members: [],
    affinity: undefined,
    candidates: [],
  }
  const own = isLocal(packet.source)
  const stop = (fate: 'drop' | 'reject'): TraceResult => ({ verdict: fate, endpoints: [], steps })

  const translation: readonly ChainName[] = own
    ? ['sources-output', 'nat-output']
    : ['sources-prerouting', 'nat-prerouting']
  for (const chain of translation) {
    const fate = walk.chain(chain, start)
    if (fate === 'drop' || fate === 'reject') return stop(fate)
  }
  const variants =
    start.candidates.length > 0
      ? start.candidates.map(({ address, port }) => ({
          ...start,
          destination: address,
          port,
          translated: true,
        }))
      : [start]
  for (const variant of variants) {
    const fate = walk.chain(own ? 'filter-output' : 'filter-prerouting', variant)
    if (fate === 'drop' || fate === 'reject') return stop(fate)
    // What stays on this node does not leave it, except what it sends to itself by way of loopback.
    if (own || !isLocal(variant.destination)) walk.chain('nat-postrouting', variant)
  }
  if (start.candidates.length === 0) return { verdict: 'untouched', endpoints: [], steps }
  if (packet.protocol === 'ICMP') return { verdict: 'answer', endpoints: [], steps }
  const endpoints = variants.map((variant) => ({
    endpoint: variant.destination.includes(':')
      ? `[${variant.destination}]:${variant.port}`
      : `${variant.destination}:${variant.port}`,
    masquerade: variant.masquerade,
  }))
  const { affinity } = start
  return { verdict: 'forward', endpoints, ...(affinity === undefined ? {} : { affinity }), steps }
}

const none: SlotCount = { slots: 0, balance: 'random', shard: 0 }

interface Around {
  readonly isLocal: (address: string) => boolean
  readonly detector: LocalDetector
  readonly steps: TraceStep[]
}

class Walk {
  readonly #elements: Elements[Family]
  readonly #around: Around

  constructor(elements: Elements[Family], around: Around) {
    this.#elements = elements
    this.#around = around
  }

  chain(name: ChainName, packet: Travelling): Fate {
    for (const [index, rule] of rulesOf(name, this.#around.detector).entries()) {
      if (!rule.match.every((match) => this.#matches(match, packet))) continue
      const fate = this.#act(name, index, rule, packet)
      if (fate === 'return') return 'next'
      if (fate !== 'next') return fate
    }
    return 'next'
  }

  #act(chain: ChainName, index: number, rule: Rule, packet: Travelling): Fate {
    let told = false
    const step = () => {
      if (!told) this.#around.steps.push({ chain, rule: index, text: describe(rule) })
      told = true
    }
    for (const action of rule.actions) {
      switch (action.do) {
        case 'mark':
          packet.marked = true
          step()
          break
        case 'unmark':
          packet.marked = false
          break
        case 'masquerade':
          packet.masquerade = true
          step()
          return 'accept'
        case 'reset':
          step()
          return 'reject'
        case 'accept':
        case 'drop':
        case 'reject':
        case 'return':
          step()
          return action.do
        case 'jump':
        case 'goto': {
          const fate = this.chain(action.chain, packet)
          if (fate !== 'next') return fate
          // What a chain entered by goto does not decide, the caller of this chain goes on with.
          if (action.do === 'goto') return 'return'
          break
        }
        case 'count': {
          const count = tryParseCount(
            this.#elements[action.over].get(keyOf(packet, balanceFields(action.over))) ?? '',
          )
          if (count === undefined) return 'next'
          packet.count = count
          if (action.chain === undefined) break
          step()
          const fate = this.chain(action.chain, packet)
          return fate === 'next' ? 'return' : fate
        }
        case 'choose-slot':
          packet.slots = slotsFor(packet)
          break
        case 'first-slot':
          packet.slots = [0]
          break
        case 'forget':
          packet.slots = []
          packet.members = []
          break
        case 'translate':
          packet.candidates = this.#endpoints(endpointsOf[action.over], this.#slotKeys(action.over, packet))
          if (packet.candidates.length === 0) return 'next'
          step()
          return 'accept'
        case 'list': {
          const list = this.#elements[affinityOf[action.over].lists].get(
            keyOf(packet, balanceFields(action.over)),
          )
          if (list === undefined) return 'next'
          packet.list = list
          step()
          const fate = this.chain(action.chain, packet)
          return fate === 'next' ? 'return' : fate
        }
        // What the kernel has learned is not among the elements: every client is a new one here.
        case 'recall':
        case 'unlearn':
          break
        case 'learn':
          packet.affinity = this.#timeout(packet.list)
          step()
          break
        case 'member': {
          const members: ReadonlyMap<string, string> = this.#elements[affinityOf[action.over].slots]
          packet.members = this.#slotKeys(action.over, packet).flatMap((key) => members.get(key) ?? [])
          break
        }
        case 'translate-member':
          packet.candidates = this.#endpoints('affinity-endpoints', packet.members)
          if (packet.candidates.length === 0) return 'next'
          step()
          return 'accept'
        case 'catch':
          if (!this.#elements[action.over].has(keyOf(packet, balanceFields(action.over)))) return 'next'
          step()
          return 'drop'
        case 'redirect': {
          const by = this.#elements.pingable.get(packet.destination)
          if (by === undefined) return 'next'
          packet.candidates = [{ address: by, port: 0 }]
          step()
          return 'accept'
        }
      }
    }
    return 'next'
  }

  #slotKeys(over: Counting, packet: Travelling): readonly string[] {
    const key = keyOf(packet, balanceFields(over))
    return packet.slots.map((slot) => tuple(key, slot))
  }

  #endpoints(collection: Collection, keys: readonly string[]): { address: string; port: number }[] {
    const there: ReadonlyMap<string, string> = this.#elements[collection]
    return [...new Set(keys.flatMap((key) => there.get(key) ?? []))].map((endpoint) => {
      const [address, port] = fieldsOf(endpoint)
      return { address, port: Number(port) }
    })
  }

  /** Seconds; undefined for a list without. */
  #timeout(list: string): number | undefined {
    for (const key of this.#elements['affinity-timeouts'].keys()) {
      const [one, seconds] = fieldsOf(key)
      if (one === list) return Number(seconds)
    }
    return undefined
  }

  #matches(match: Match, packet: Travelling): boolean {
    if ('is' in match) return this.#property(match.is, packet)
    if ('in' in match) return this.#contains(match.in, match.fields, packet)
    if ('notIn' in match) return !this.#contains(match.notIn, match.fields, packet)
    if ('timeoutOfList' in match) return this.#timeout(packet.list) !== undefined
    return this.#sourceAllowed(packet)
  }

  #contains(collection: Collection, fields: readonly PacketField[], packet: Travelling): boolean {
    const there: ReadonlyMap<string, string> = this.#elements[collection]
    if (collections[collection].key[0] !== 'prefix') return there.has(keyOf(packet, fields))
    const address = parseAddress(keyOf(packet, fields))
    return [...there.keys()].some((prefix) => prefixContains(parsePrefix(prefix), address))
  }

  #sourceAllowed(packet: Travelling): boolean {
    const source: Address = parseAddress(packet.source)
    const key = keyOf(packet, ['destination', 'protocol', 'port'])
    const bits = source.family === 4 ? 32 : 128
    for (let length = 0; length <= bits; length++) {
      const range = formatPrefix(prefixOf(source, length))
      if (this.#elements['allowed-sources'].has(tuple(key, range))) return true
    }
    return false
  }

  #property(name: Property, packet: Travelling): boolean {
    switch (name) {
      case 'new':
        return true
      case 'echo-request':
        return packet.protocol === 'icmp'
      case 'to-this-node':
        return this.#around.isLocal(packet.destination)
      case 'from-this-node':
        return this.#around.isLocal(packet.source)
      case 'not-to-loopback':
        return !isLoopback(packet.destination)
      case 'marked':
        return packet.marked
      case 'translated':
        return packet.translated
      case 'untranslated':
        return !packet.translated
      case 'chosen':
        return packet.slots.length > 0
      case 'not-chosen':
        return packet.slots.length === 0
      case 'known':
        return packet.members.length > 0
      case 'from-pod-interface':
        return isPodInterface(packet.interface, this.#around.detector)
      case 'not-from-pod-interface':
        return !isPodInterface(packet.interface, this.#around.detector)
      case 'tcp':
        return packet.protocol === 'tcp'
      case 'transport':
        return packet.protocol !== 'icmp'
    }
  }
}

/** Which slots a packet may get: any of them, or the one that its address chooses. */
function slotsFor({ count, source }: Travelling): readonly number[] {
  const { slots, balance } = count
  if (balance !== 'source-hash') return Array.from({ length: slots }, (_, slot) => slot)
  return [slotOfHash(jhash(addressToBytes(parseAddress(source)), SOURCE_HASH_SEED), slots)]
}

const balanceFields = (over: Counting): readonly PacketField[] =>
  over === 'nodeports' || over === 'local-nodeports'
    ? ['protocol', 'port']
    : ['destination', 'protocol', 'port']

const keyOf = (packet: Travelling, fields: readonly PacketField[]): string =>
  tuple(...fields.map((field) => packet[field]))

const loopback = parsePrefix('127.0.0.0/8')

function isLoopback(text: string): boolean {
  const address = tryParseAddress(text)
  return address !== undefined && (prefixContains(loopback, address) || text === '::1')
}

/** A rule in words, for people who do not read nft. */
function describe({ match, actions, comment }: Rule): string {
  const matches = match.map((one) => {
    if ('is' in one) return one.is
    if ('in' in one) return `${one.fields.join(', ')} in ${one.in}`
    if ('notIn' in one) return `${one.fields.join(', ')} not in ${one.notIn}`
    return 'timeoutOfList' in one ? 'list with a timeout' : 'source allowed'
  })
  const done = actions.map((one) => {
    switch (one.do) {
      case 'jump':
      case 'goto':
        return `${one.do} ${one.chain}`
      case 'count':
        return `count ${one.over}${one.chain === undefined ? '' : `, goto ${one.chain}`}`
      case 'list':
        return `a client that is known keeps its endpoint, goto ${one.chain}`
      case 'learn':
        return 'keep the endpoint of this client'
      case 'translate':
        return `send to a slot of ${endpointsOf[one.over]}`
      case 'translate-member':
        return 'send to the endpoint of the list'
      case 'catch':
        return `in ${one.over} and not translated: drop`
      default:
        return one.do
    }
  })
  const text = `${matches.length > 0 ? `${matches.join(' and ')}: ` : ''}${done.join(', ')}`
  return comment === undefined ? text : `${text} (${comment})`
}

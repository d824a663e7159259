import { addressToBytes, parseAddress, tryParseAddress, type Address, type Family } from '#inet/address.ts'
import { formatPrefix, parsePrefix, prefixContains, prefixOf } from '#inet/prefix.ts'
import { SOURCE_HASH_SEED, tryParseCount, type SlotCount } from './balance.ts'
import type { LocalDetector } from './config.ts'
import { jhash, slotOfHash } from './jhash.ts'
import {
  affinityOf,
  endpointsOf,
  fieldsOf,
  isInterval,
  tuple,
  type Collection,
  type Counting,
  type Elements,
} from './model.ts'
import { isPodInterface, rulesOf } from './program.ts'
import { describeRule } from './program/describe.ts'
import type { ChainName, Match, PacketField, Property, Rule } from './program/rule.ts'

/** What each rule of the program does to a packet, as the kernel would; for `trace.ts`. */

export interface TraceStep {
  readonly chain: ChainName
  /** position of the rule in its chain, from 0 */
  readonly rule: number
  /** what the rule looks at and does, in words */
  readonly text: string
}

/** A packet on its way: what rules may change. */
export interface Travelling {
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

export const noCount: SlotCount = { slots: 0, balance: 'random', shard: 0 }

interface Around {
  readonly isLocal: (address: string) => boolean
  readonly detector: LocalDetector
  readonly steps: TraceStep[]
}

/** One packet's way through the program's chains. */
export class Walk {
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
      if (!told) this.#around.steps.push({ chain, rule: index, text: describeRule(rule) })
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
        case 'unreachable':
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
          const [by] = this.#elements['ping-responder'].values()
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
    if (!isInterval(collection)) return there.has(keyOf(packet, fields))
    const address = parseAddress(keyOf(packet, fields))
    return [...there.keys()].some((prefix) => prefixContains(parsePrefix(prefix), address))
  }

  /** Routes are not known here: what comes neither from a pod nor from this node is taken to come from the router. */
  #returning(packet: Travelling): boolean {
    const { isLocal, detector } = this.#around
    if (isLocal(packet.source) || isLocal(packet.destination)) return false
    return !isPodInterface(packet.interface, detector) && !this.#contains('pod-sources', ['source'], packet)
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
      case 'not-translated':
      case 'untranslated':
        return !packet.translated
      case 'chosen':
        return packet.slots.length > 0
      case 'not-chosen':
        return packet.slots.length === 0
      case 'returning':
        return this.#returning(packet)
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

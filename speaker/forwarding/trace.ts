import { parseAddress, tryParseAddress, type Address, type Family } from '#inet/address.ts'
import { formatPrefix, parsePrefix, prefixContains, prefixOf } from '#inet/prefix.ts'
import type { Protocol } from '#kube/objects/service.ts'
import {
  collections,
  endpointsOf,
  fieldsOf,
  tuple,
  type Collection,
  type Counting,
  type Elements,
} from './model.ts'
import { program, type ChainName, type Match, type PacketField, type Property, type Rule } from './program.ts'

/** Follows the first packet of a connection through the program: what would happen to it, and by which rules. */

export interface TracePacket {
  readonly source: string
  readonly destination: string
  /** ICMP stands for an echo request */
  readonly protocol: Protocol | 'ICMP'
  /** destination port; 0 for ICMP */
  readonly port: number
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
  /** endpoints of its frontend */
  count: number
  /** those it may take */
  slots: readonly number[]
  candidates: readonly { address: string; port: number }[]
}

type Fate = 'next' | 'return' | 'accept' | 'drop' | 'reject'

/**
 * `isLocal` says whether an address is one of this node's, as `fib … type local` does.
 * @throws InetError FL_INET_ADDRESS
 */
export function trace(
  elements: Elements,
  packet: TracePacket,
  isLocal: (address: string) => boolean,
): TraceResult {
  const { family } = parseAddress(packet.destination)
  const steps: TraceStep[] = []
  const walk = new Walk(elements, family, isLocal, steps)
  const start: Travelling = {
    source: packet.source,
    destination: packet.destination,
    protocol: packet.protocol.toLowerCase(),
    port: packet.port,
    marked: false,
    masquerade: false,
    translated: false,
    count: 0,
    slots: [],
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
  return { verdict: 'forward', endpoints, steps }
}

class Walk {
  readonly #elements: Elements[Family]
  readonly #isLocal: (address: string) => boolean
  readonly #steps: TraceStep[]

  constructor(elements: Elements, family: Family, isLocal: (address: string) => boolean, steps: TraceStep[]) {
    this.#elements = elements[family]
    this.#isLocal = isLocal
    this.#steps = steps
  }

  chain(name: ChainName, packet: Travelling): Fate {
    for (const [index, rule] of program[name].rules.entries()) {
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
      if (!told) this.#steps.push({ chain, rule: index, text: describe(rule) })
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
          const count = this.#elements[action.over].get(keyOf(packet, balanceFields(action.over)))
          if (count === undefined) return 'next'
          packet.count = Number(count)
          step()
          const fate = this.chain(action.chain, packet)
          return fate === 'next' ? 'return' : fate
        }
        case 'random-slot':
          packet.slots = Array.from({ length: packet.count }, (_, slot) => slot)
          break
        case 'first-slot':
          packet.slots = [0]
          break
        case 'forget-slot':
          packet.slots = []
          break
        case 'translate':
          packet.candidates = this.#inSlots(action.over, packet)
          if (packet.candidates.length === 0) return 'next'
          step()
          return 'accept'
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

  #inSlots(over: Counting, packet: Travelling): { address: string; port: number }[] {
    const key = keyOf(packet, balanceFields(over))
    return packet.slots.flatMap((slot) => {
      const endpoint = this.#elements[endpointsOf[over]].get(tuple(key, slot))
      if (endpoint === undefined) return []
      const [address, port] = fieldsOf(endpoint)
      return [{ address, port: Number(port) }]
    })
  }

  #matches(match: Match, packet: Travelling): boolean {
    if ('is' in match) return this.#property(match.is, packet)
    if ('in' in match) return this.#contains(match.in, match.fields, packet)
    if ('notIn' in match) return !this.#contains(match.notIn, match.fields, packet)
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
        return this.#isLocal(packet.destination)
      case 'from-this-node':
        return this.#isLocal(packet.source)
      case 'not-to-loopback':
        return !isLoopback(packet.destination)
      case 'marked':
        return packet.marked
      case 'translated':
        return packet.translated
      case 'slotted':
        return packet.slots.length > 0
      case 'tcp':
        return packet.protocol === 'tcp'
      case 'transport':
        return packet.protocol !== 'icmp'
    }
  }
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
    return 'source allowed'
  })
  const done = actions.map((one) => {
    if (one.do === 'jump' || one.do === 'goto') return `${one.do} ${one.chain}`
    if (one.do === 'count') return `count ${one.over}, goto ${one.chain}`
    return one.do === 'translate' ? `send to a slot of ${endpointsOf[one.over]}` : one.do
  })
  const text = `${matches.length > 0 ? `${matches.join(' and ')}: ` : ''}${done.join(', ')}`
  return comment === undefined ? text : `${text} (${comment})`
}

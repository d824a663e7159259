import type { Family } from '#inet/address.ts'
import { formatPrefix } from '#inet/prefix.ts'
import type { AssignedList, WantedList } from './affinity.ts'
import { formatCount, shardOf, slotsIn } from './balance.ts'
import { maglevSize, maglevTable } from './maglev.ts'
import {
  affinityOf,
  endpointsOf,
  tuple,
  type Collection,
  type Counting,
  type Element,
  type Elements,
} from './model.ts'
import type { Frontend, ServicePlan } from './plan.ts'
import type { Endpoint } from './service-ports.ts'

/** From what should happen to the elements that make it happen. */

interface Names {
  readonly all: Counting
  readonly local: Counting
  readonly masquerade: Collection
  readonly externalLocal: Collection
  readonly drop: Collection
  readonly reject: Collection
}

const addressed: Names = {
  all: 'frontends',
  local: 'local-frontends',
  masquerade: 'external-cluster',
  externalLocal: 'external-local',
  drop: 'drop-frontends',
  reject: 'reject-frontends',
}

const nodePorts: Names = {
  all: 'nodeports',
  local: 'local-nodeports',
  masquerade: 'nodeport-external-cluster',
  externalLocal: 'nodeport-external-local',
  drop: 'nodeport-drop',
  reject: 'nodeport-reject',
}

/** The endpoints that a frontend has now, slot by slot; [] for a frontend that is not there. */
export type Slots = (family: Family, over: Counting, key: string) => readonly string[]

/**
 * The slots of the larger frontends of a Service as they were made last, by `slotsName`: what is the same again is the
 * same object again, so that a change of one endpoint among thousands costs little.
 */
export type MadeSlots = Map<string, readonly Element[]>

export const slotsName = (family: Family, collection: Collection, key: string): string =>
  `${family} ${collection} ${key}`

/** Fewer are made anew in no time. */
const REMEMBERED_SLOTS = 32

const noSlots: Slots = () => []

/** Numbers for the lists of a plan; a list that is missing in the answer is forwarded without affinity. */
export type AssignLists = (
  wanted: readonly WantedList[],
) => Readonly<Record<Family, ReadonlyMap<string, AssignedList>>>

const noLists: AssignLists = () => ({ 4: new Map(), 6: new Map() })

/**
 * The elements of a plan, for those of its frontends that `granted` (no other Service has them). Endpoints keep the
 * slots they have, so that one that comes or goes moves at most one other.
 * @param before of this Service, from the call before
 * @param made takes those of this call
 */
export function elementsOf(
  plan: ServicePlan,
  granted: (frontend: Frontend) => boolean = () => true,
  slots: Slots = noSlots,
  assign: AssignLists = noLists,
  before: Readonly<MadeSlots> | undefined = undefined,
  made: MadeSlots = new Map(),
): Element[] {
  const elements: Element[] = []
  for (const { family, address } of plan.clusterIPs) {
    elements.push({ family, collection: 'cluster-ips', key: address, value: '' })
  }
  for (const { family, address } of plan.pingable) {
    elements.push({ family, collection: 'pingable', key: address, value: '' })
  }
  const frontends = plan.frontends.filter(granted)
  const lists = assign(wantedLists(frontends))
  const context: Context = { slots, lists, placements: new Map(), before, made }
  for (const frontend of frontends) addFrontend(elements, frontend, context)
  addLists(elements, frontends, lists)
  // A copy takes the memory that it needs; what grew by `push` takes that of seventeen.
  return elements.slice()
}

interface Context {
  readonly slots: Slots
  readonly lists: ReturnType<AssignLists>
  /** frontends of one port, which have the same endpoints, mostly have them in the same slots */
  readonly placements: Map<readonly Endpoint[], Placement>
  readonly before: ReadonlyMap<string, readonly Element[]> | undefined
  readonly made: MadeSlots
}

interface Placement {
  readonly previous: readonly string[]
  readonly placed: readonly string[]
}

/** The collections that a frontend is in, each with its endpoints and the name of its affinity list. */
const countsOf = (
  frontend: Frontend,
): readonly { readonly over: Counting; readonly endpoints: readonly Endpoint[]; readonly list: string }[] => {
  const { all, local } = frontend.kind === 'NodePort' ? nodePorts : addressed
  return [
    { over: all, endpoints: frontend.endpoints, list: frontend.affinity?.list ?? '' },
    { over: local, endpoints: frontend.local ?? [], list: frontend.affinity?.localList ?? '' },
  ]
}

function wantedLists(frontends: readonly Frontend[]): WantedList[] {
  const wanted = new Map<string, WantedList & { frontends: { over: Counting; key: string }[] }>()
  for (const frontend of frontends) {
    const { family, affinity } = frontend
    if (affinity === undefined) continue
    for (const { over, endpoints, list } of countsOf(frontend)) {
      if (endpoints.length === 0) continue
      const known = wanted.get(`${family} ${list}`)
      const here = { over, key: frontend.key }
      if (known) known.frontends.push(here)
      else {
        const texts = endpoints.map(({ text }) => text)
        wanted.set(`${family} ${list}`, { family, name: list, endpoints: texts, frontends: [here] })
      }
    }
  }
  return [...wanted.values()]
}

/** What a list has once, however many frontends share it. */
function addLists(elements: Element[], frontends: readonly Frontend[], lists: Context['lists']): void {
  const done = new Set<AssignedList>()
  for (const frontend of frontends) {
    const { family, affinity } = frontend
    if (affinity === undefined) continue
    for (const { endpoints, list: name } of countsOf(frontend)) {
      const list = endpoints.length === 0 ? undefined : lists[family].get(name)
      if (list === undefined || done.has(list)) continue
      done.add(list)
      const timeout = tuple(list.id, affinity.seconds)
      elements.push({ family, collection: 'affinity-timeouts', key: timeout, value: '' })
      for (const [endpoint, index] of list.members) {
        elements.push({
          family,
          collection: 'affinity-endpoints',
          key: `${list.id}/${index}`,
          value: endpoint,
        })
      }
    }
  }
}

function addFrontend(elements: Element[], frontend: Frontend, context: Context): void {
  const { family, local, sourceRanges } = frontend
  const key = frontend.key
  const names = frontend.kind === 'NodePort' ? nodePorts : addressed
  const put = (collection: Collection, elementKey: string, value = '') =>
    elements.push({ family, collection, key: elementKey, value })

  const putSlots = (collection: Collection, values: readonly string[]) => {
    const many = values.length >= REMEMBERED_SLOTS
    const name = many || context.before !== undefined ? slotsName(family, collection, key) : ''
    const before = context.before?.get(name)
    const made = values.map((value, slot): Element => {
      const known = before?.[slot]
      return known?.value === value
        ? known
        : { family, collection, key: known?.key ?? tuple(key, slot), value }
    })
    for (const element of made) elements.push(element)
    if (many) context.made.set(name, made)
  }

  for (const { over, endpoints, list: name } of countsOf(frontend)) {
    if (endpoints.length === 0) continue
    const { placed, count } = placeEndpoints(key, frontend, over, endpoints, context)
    putSlots(endpointsOf[over], placed)
    put(over, key, count)
    for (const endpoint of endpoints) if (endpoint.local) addHairpin(put, frontend, endpoint)
    const list = context.lists[family].get(name)
    if (list === undefined) continue
    put(affinityOf[over].lists, key, String(list.id))
    putSlots(
      affinityOf[over].slots,
      placed.map((text) => `${list.id}/${list.members.get(text)}`),
    )
  }
  if (local !== undefined) put(names.externalLocal, key)
  if (frontend.masquerade) put(names.masquerade, key)
  if (frontend.noEndpoints === 'drop') put(names.drop, key)
  if (frontend.noEndpoints === 'reject') put(names.reject, key)
  if (sourceRanges !== undefined) {
    put('restricted-frontends', key)
    for (const range of new Set(sourceRanges.map(formatPrefix))) put('allowed-sources', tuple(key, range))
  }
}

/** Which endpoint is in which slot, and what the counting collection says of it. */
function placeEndpoints(
  key: string,
  frontend: Frontend,
  over: Counting,
  endpoints: readonly Endpoint[],
  { slots, placements }: Context,
): { placed: readonly string[]; count: string } {
  const { family, balance } = frontend
  const size = balance === 'source-hash' ? hashSlots(endpoints.length) : undefined
  const known = placements.get(endpoints)
  if (size !== undefined) {
    // No history: every node has the same table.
    const placed = known?.placed ?? maglevTable(textsOf(endpoints), size)
    placements.set(endpoints, { previous: [], placed })
    return { placed, count: formatCount(size, 'source-hash') }
  }
  const previous = slots(family, over, key)
  const placed =
    known !== undefined && sameTexts(known.previous, previous)
      ? known.placed
      : assignSlots(previous, textsOf(endpoints))
  placements.set(endpoints, { previous, placed })
  const inTurn = balance === 'round-robin'
  return {
    placed,
    count: inTurn ? formatCount(placed.length, balance, shardOf(key)) : formatCount(placed.length),
  }
}

/** Slots that choice by a hash takes for so many endpoints; undefined where there is nothing to choose, or too much. */
export const hashSlots = (endpoints: number): number | undefined =>
  endpoints > 1 ? maglevSize(endpoints) : undefined

const textsOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ text }) => text)

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at])

function addHairpin(
  put: (collection: Collection, key: string) => void,
  frontend: Frontend,
  endpoint: Endpoint,
): void {
  const { address, port } = endpoint
  put('hairpin', tuple(address, address, frontend.protocol.toLowerCase(), port))
}

/**
 * Who goes where: endpoints that stay keep their slot, the others fill the holes in the order given, and what lies
 * beyond the new count moves into a hole.
 */
export function assignSlots(previous: readonly string[], next: readonly string[]): readonly string[] {
  if (previous.length === 0 && next.length < 2) return next
  const waiting = new Set(next)
  const placed: (string | undefined)[] = Array.from({ length: waiting.size }, (_, slot) => {
    const text = previous[slot]
    return text !== undefined && waiting.delete(text) ? text : undefined
  })
  const rest = waiting.values()
  return placed.map((text) => text ?? (rest.next().value as string))
}

/**
 * The slots in what a data plane holds, `actual`, or for a frontend that is not there in what another program left.
 */
export const slotsOf =
  (actual: Elements, inherited: Elements = actual): Slots =>
  (family, over, key) => {
    const from = actual[family][over].has(key) ? actual : inherited
    const count = slotsIn(from[family][over].get(key))
    if (count === 0) return NONE
    const endpoints = from[family][endpointsOf[over]]
    const slots: string[] = []
    for (let slot = 0; slot < count; slot++) slots.push(endpoints.get(tuple(key, slot)) ?? '')
    return slots
  }

const NONE: readonly string[] = Object.freeze([])

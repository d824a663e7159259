import type { Family } from '#inet/address.ts'
import {
  byCollection,
  collectionNames,
  collections,
  families,
  fieldsOf,
  tuple,
  type Collection,
  type Element,
  type Elements,
  type Field,
} from '#speaker/forwarding/model.ts'
import { targetText } from './words.ts'

/** `=` the same, `+` planned and not in the kernel, `-` in the kernel and not planned, `!` with another value. */
export type Mark = '=' | '+' | '-' | '!'

export interface DumpedElement {
  readonly mark: Mark
  readonly family: Family
  readonly collection: Collection
  /** whose it is: `10.96.0.1:80/tcp`, `*:30080/tcp`, an address; '' for what belongs to none */
  readonly frontend: string
  /** the rest of its key: a slot, a source range … */
  readonly key: string
  /** absent when it is not planned; '' in sets */
  readonly planned?: string
  /** absent when the kernel does not have it */
  readonly kernel?: string
  /** this stands for so many more with the same mark, collection and frontend, which are not shown */
  readonly more?: number
}

/** What belongs to one Service, or to the node. */
export interface DumpedService {
  /** `namespace/name`; '' for what belongs to the node or to nobody */
  readonly service: string
  /** elements that are not the same */
  readonly differences: number
}

export interface DumpedGroup extends DumpedService {
  readonly elements: readonly DumpedElement[]
}

/** An element as it was compared; made readable only when it is shown. */
interface Compared {
  readonly mark: Mark
  readonly element: Element
  readonly planned: string | undefined
  readonly kernel: string | undefined
}

/** Elements of one mark and collection that are not shown. */
interface Unshown {
  readonly mark: Mark
  readonly collection: Collection
  count: number
}

/** The elements of one frontend, in the order of the plan. */
interface Frontend {
  readonly family: Family
  readonly text: string
  readonly compared: Compared[]
  readonly counts: Map<string, number>
  readonly unshown: Map<string, Unshown>
}

interface Group {
  readonly service: string
  differences: number
  /** by family and frontend */
  readonly frontends: Map<string, Frontend>
}

export interface Dump {
  readonly marks: Readonly<Record<Mark, number>>
  /** those with differences first, then by name; the node's own last */
  readonly groups: readonly Group[]
}

export interface DumpInput {
  /** what each Service wants, by `namespace/name` */
  readonly services: Iterable<readonly [service: string, elements: readonly Element[]]>
  /** what else is wanted */
  readonly others: Iterable<Element>
  readonly kernel: Elements
  /** the Service that has a frontend, by its key in the elements */
  readonly holder: (family: Family, frontend: string) => string | undefined
  readonly family?: Family
  /** only what belongs to this Service */
  readonly only?: string
  /** only what is not as planned; all the same is counted */
  readonly differences?: boolean
}

/** Elements that are looked at between two yields: about a millisecond. */
export const STEP = 2000

/** Of one frontend, mark and collection; a person reads no table of 65,535 slots. */
export const SHOWN_ALIKE = 1000

/**
 * Plan and kernel side by side. Each element stands once: with the first Service that wants it. Yields after every
 * `STEP` elements, so that whoever drives it can let others work; an element costs the same however many there are.
 */
export function* dump(input: DumpInput): Generator<undefined, Dump> {
  const { kernel, only } = input
  const shown = families.filter((family) => input.family === undefined || family === input.family)
  const result = new Groups(input.differences === true)
  const seen = byCollection(() => new Set<string>())
  /** who wants an address, for what else the kernel has of it */
  const owners = { 4: new Map<string, string>(), 6: new Map<string, string>() }
  /** frontends of the one Service that is asked for */
  const frontends = { 4: new Set<string>(), 6: new Set<string>() }
  let looked = 0
  const plan = (service: string, element: Element) => {
    const { family, collection, key, value: planned } = element
    const keys = seen[family][collection]
    if (!shown.includes(family) || keys.has(key)) return
    keys.add(key)
    if (isAddress(collection)) owners[family].set(key, service)
    else if (only !== undefined) frontends[family].add(frontendOf(collection, key))
    const there = kernel[family][collection].get(key)
    const mark = there === undefined ? '+' : there === planned ? '=' : '!'
    result.put(service, { mark, element, planned, kernel: there })
  }
  for (const [service, elements] of input.services) {
    for (const element of elements) {
      plan(service, element)
      if (++looked % STEP === 0) yield
    }
  }
  if (only === undefined) {
    for (const element of input.others) {
      plan('', element)
      if (++looked % STEP === 0) yield
    }
  }

  for (const family of shown) {
    for (const collection of collectionNames) {
      // What names no frontend belongs to no Service.
      if (only !== undefined && leadingFields[collection] === 0) continue
      const mine = isAddress(collection) ? owners[family] : frontends[family]
      for (const [key, value] of kernel[family][collection]) {
        if (++looked % STEP === 0) yield
        const frontend = frontendOf(collection, key)
        if ((only !== undefined && !mine.has(frontend)) || seen[family][collection].has(key)) continue
        const service = owners[family].get(key) ?? input.holder(family, frontend) ?? ''
        if (only !== undefined && service !== only) continue
        const element = { family, collection, key, value }
        result.put(service, { mark: '-', element, planned: undefined, kernel: value })
      }
    }
  }
  return { marks: result.marks, groups: result.sorted() }
}

class Groups {
  readonly marks: Record<Mark, number> = { '=': 0, '+': 0, '-': 0, '!': 0 }
  readonly #groups = new Map<string, Group>()
  readonly #differences: boolean

  constructor(differences: boolean) {
    this.#differences = differences
  }

  put(service: string, compared: Compared): void {
    const { mark, element } = compared
    this.marks[mark]++
    if (mark === '=' && this.#differences) return
    let group = this.#groups.get(service)
    if (group === undefined) {
      group = { service, differences: 0, frontends: new Map() }
      this.#groups.set(service, group)
    }
    if (mark !== '=') group.differences++
    const { family, collection } = element
    const key = `${family} ${frontendOf(collection, element.key)}`
    let frontend = group.frontends.get(key)
    if (frontend === undefined) {
      const text = frontendText(collection, element.key)
      frontend = { family, text, compared: [], counts: new Map(), unshown: new Map() }
      group.frontends.set(key, frontend)
    }
    const kind = `${mark} ${collection}`
    const count = (frontend.counts.get(kind) ?? 0) + 1
    frontend.counts.set(kind, count)
    if (count <= SHOWN_ALIKE) frontend.compared.push(compared)
    else if (count === SHOWN_ALIKE + 1) frontend.unshown.set(kind, { mark, collection, count: 1 })
    else (frontend.unshown.get(kind) as Unshown).count++
  }

  sorted(): Group[] {
    return [...this.#groups.values()].sort(byNeed)
  }
}

const byNeed = (a: Group, b: Group): number =>
  Number(a.service === '') - Number(b.service === '') ||
  Number(b.differences > 0) - Number(a.differences > 0) ||
  (a.service < b.service ? -1 : Number(a.service > b.service))

/** A group as people read it, element by element: those of one frontend together, in the order of the plan. */
export function* elementsOf({ frontends }: Group): Generator<DumpedElement> {
  for (const family of families) {
    for (const frontend of frontends.values()) {
      if (frontend.family !== family) continue
      const { text, compared, unshown } = frontend
      for (const one of compared) yield elementDocument(one, text)
      for (const { mark, collection, count } of unshown.values())
        yield { mark, family, collection, frontend: text, key: '', more: count }
    }
  }
}

function elementDocument({ mark, element, planned, kernel }: Compared, frontend: string): DumpedElement {
  const { family, collection, key } = element
  const { length } = frontendOf(collection, key)
  return {
    mark,
    family,
    collection,
    frontend,
    key: length === 0 ? key : key.slice(length + SEPARATOR.length),
    ...(planned === undefined ? {} : { planned }),
    ...(kernel === undefined ? {} : { kernel }),
  }
}

const SEPARATOR = tuple('', '')

/** How many fields of a key name a frontend: an address with protocol and port, a NodePort, or an address alone. */
const leadingFields = Object.fromEntries(
  collectionNames.map((name) => {
    const [first, second, third]: readonly Field[] = collections[name].key
    if (first === 'address' && second === undefined) return [name, 1]
    if (first === 'address' && second === 'protocol' && third === 'port') return [name, 3]
    return [name, first === 'protocol' && second === 'port' ? 2 : 0]
  }),
) as Record<Collection, 0 | 1 | 2 | 3>

/** An address and nothing else. */
const isAddress = (collection: Collection): boolean => leadingFields[collection] === 1

/** The part of a key that names a frontend, '' when none does. */
function frontendOf(collection: Collection, key: string): string {
  const fields = leadingFields[collection]
  let end = 0
  for (let field = 0; field < fields; field++) {
    const at = key.indexOf(SEPARATOR, end === 0 ? 0 : end + SEPARATOR.length)
    if (at === -1) return key
    end = at
  }
  return key.slice(0, end)
}

function frontendText(collection: Collection, key: string): string {
  const frontend = frontendOf(collection, key)
  if (frontend === '' || isAddress(collection)) return frontend
  const fields = fieldsOf(frontend)
  const [address, protocol, port] = fields.length === 3 ? fields : ['*', ...fields]
  return targetText(address, port, protocol)
}

import type { Family } from '#inet/address.ts'
import {
  byCollection,
  collectionNames,
  collections,
  families,
  fieldsOf,
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
}

export interface DumpedGroup {
  /** `namespace/name`; '' for what belongs to the node or to nobody */
  readonly service: string
  /** elements that are not the same */
  readonly differences: number
  readonly elements: readonly DumpedElement[]
}

/** An element as it was compared; made readable only when it is shown. */
interface Compared {
  readonly mark: Mark
  readonly element: Element
  readonly planned: string | undefined
  readonly kernel: string | undefined
}

interface Group {
  readonly service: string
  readonly differences: number
  readonly compared: readonly Compared[]
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
}

/** Plan and kernel side by side. Each element stands once: with the first Service that wants it. */
export function dump(input: DumpInput): Dump {
  const { kernel, only } = input
  const shown = families.filter((family) => input.family === undefined || family === input.family)
  const groups = new Map<string, Compared[]>()
  const marks: Record<Mark, number> = { '=': 0, '+': 0, '-': 0, '!': 0 }
  const put = (service: string, compared: Compared) => {
    const group = groups.get(service)
    if (group === undefined) groups.set(service, [compared])
    else group.push(compared)
    marks[compared.mark]++
  }
  const seen = byCollection(() => new Set<string>())
  /** who wants an address, for what else the kernel has of it */
  const owners = { 4: new Map<string, string>(), 6: new Map<string, string>() }
  /** how the keys of the one Service begin that is asked for: most of what the kernel holds is not looked at twice */
  const beginnings = new Set<string>()
  const plan = (service: string, element: Element) => {
    const { family, collection, key, value: planned } = element
    const keys = seen[family][collection]
    if (!shown.includes(family) || keys.has(key)) return
    keys.add(key)
    if (isAddress(collection)) owners[family].set(key, service)
    if (only !== undefined) beginnings.add(frontendOf(element).join(' . ') || key)
    const there = kernel[family][collection].get(key)
    const mark = there === undefined ? '+' : there === planned ? '=' : '!'
    put(service, { mark, element, planned, kernel: there })
  }
  for (const [service, elements] of input.services) for (const element of elements) plan(service, element)
  if (only === undefined) for (const element of input.others) plan('', element)

  const begins = [...beginnings]
  for (const family of shown) {
    for (const collection of collectionNames) {
      for (const [key, value] of kernel[family][collection]) {
        if (only !== undefined && !begins.some((text) => key.startsWith(text))) continue
        if (seen[family][collection].has(key)) continue
        const element = { family, collection, key, value }
        const service = owners[family].get(key) ?? input.holder(family, frontendOf(element).join(' . ')) ?? ''
        if (only === undefined || service === only)
          put(service, { mark: '-', element, planned: undefined, kernel: value })
      }
    }
  }
  return { marks, groups: [...groups].map(toGroup).sort(byNeed) }
}

const toGroup = ([service, compared]: readonly [string, readonly Compared[]]): Group => ({
  service,
  differences: compared.reduce((sum, { mark }) => sum + Number(mark !== '='), 0),
  compared,
})

const byNeed = (a: Group, b: Group): number =>
  Number(a.service === '') - Number(b.service === '') ||
  Number(b.differences > 0) - Number(a.differences > 0) ||
  (a.service < b.service ? -1 : Number(a.service > b.service))

/** Only what is not as planned. */
export const differencesOf = ({ marks, groups }: Dump): Dump => ({
  marks,
  groups: groups
    .filter(({ differences }) => differences > 0)
    .map((group) => ({ ...group, compared: group.compared.filter(({ mark }) => mark !== '=') })),
})

/** A group as people read it: the elements of one frontend together, in the order of the plan. */
export function groupDocument({ service, differences, compared }: Group): DumpedGroup {
  const elements = compared.map(elementDocument)
  const order = new Map<string, number>()
  for (const { frontend } of elements) if (!order.has(frontend)) order.set(frontend, order.size)
  const at = ({ frontend }: DumpedElement) => order.get(frontend) ?? 0
  return { service, differences, elements: elements.sort((a, b) => a.family - b.family || at(a) - at(b)) }
}

function elementDocument({ mark, element, planned, kernel }: Compared): DumpedElement {
  const { family, collection, key } = element
  const frontend = frontendOf(element)
  const alone = isAddress(collection)
  return {
    mark,
    family,
    collection,
    frontend: alone ? key : frontendText(frontend),
    key: alone ? '' : fieldsOf(key).slice(frontend.length).join(' . '),
    ...(planned === undefined ? {} : { planned }),
    ...(kernel === undefined ? {} : { kernel }),
  }
}

/** An address and nothing else. */
const isAddress = (collection: Collection): boolean => {
  const { key }: { readonly key: readonly Field[] } = collections[collection]
  return key.length === 1 && key[0] === 'address'
}

/** The fields that name a frontend, from the first of a key: an address with protocol and port, or a NodePort. */
function frontendOf({ collection, key }: Element): string[] {
  const [first, second, third]: readonly Field[] = collections[collection].key
  if (first === 'address' && second === 'protocol' && third === 'port') return fieldsOf(key).slice(0, 3)
  return first === 'protocol' && second === 'port' ? fieldsOf(key).slice(0, 2) : []
}

const frontendText = (fields: readonly string[]): string => {
  if (fields.length === 0) return ''
  const [address, protocol, port] = fields.length === 3 ? fields : ['*', ...fields]
  return targetText(address, port, protocol)
}

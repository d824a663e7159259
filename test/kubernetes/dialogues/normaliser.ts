import { SERVICE_ADDRESSES } from './dialogue.ts'

/** Texts of which the wording is nobody's contract, and what stands for them. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>'],
  [/in record \(\d+\)/g, 'in record (<version>)'],
  // The whole object, with its fields in Go's order.
  [/patch: Invalid value: ".*/gs, 'patch: <the object, and what is wrong with it>'],
  [/^Invalid value: "\{\\?"apiVersion.*/gs, '<the object, and what is wrong with it>'],
  // Names of Go's types.
  [/into Go (struct field|value of type) .*/gs, 'into Go'],
]

const TIMES = new Set(['creationTimestamp', 'deletionTimestamp', 'lastTransitionTime'])
const PORTS = new Set(['nodePort', 'healthCheckNodePort'])

interface Identity {
  readonly name?: unknown
  readonly uid?: unknown
  readonly resourceVersion?: unknown
}

/** Takes out of answers what no two servers have in common: the same answers of two servers are equal afterwards. */
export class Normaliser {
  readonly #namespace: string
  /** what servers choose, by kind and value -> its place among those */
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  /** by name of the object: as it was seen last */
  readonly #seen = new Map<string, { uid: string; resourceVersion: unknown }>()

  constructor(namespace: string) {
    this.#namespace = namespace
  }

  value(value: unknown, key = ''): unknown {
    if (Array.isArray(value)) {
      const items = value.filter(isTold).map((one) => this.value(one, key))
      // The real server checks metadata twice in places, and says twice what is wrong with it.
      if (key === 'causes') return unique(items).sort(byText)
      // In the order of their times, which are seconds.
      return key === 'managedFields' ? items.sort(byText) : items
    }
    if (typeof value === 'object' && value !== null) return this.#object(value as Record<string, unknown>)
    if (typeof value === 'number' && PORTS.has(key)) return this.#name('port', String(value))
    return typeof value === 'string' ? this.#text(value, key) : value
  }

  #object(object: Record<string, unknown>): object {
    const left = Object.entries(object).filter(([name]) => !isLeftOut(object, name))
    const entries = left
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, this.value(one, name)])
    return { ...Object.fromEntries(entries), ...this.#identity(object), ...inAnyOrder(object) }
  }

  /** Is it the object that was seen last under this name, and in the version that was seen last? */
  #identity({ name, uid, resourceVersion }: Identity): object {
    if (typeof name !== 'string' || typeof uid !== 'string') return {}
    const known = this.#seen.get(name)
    this.#seen.set(name, { uid, resourceVersion: resourceVersion ?? known?.resourceVersion })
    const version = known?.resourceVersion === resourceVersion ? 'same' : 'new'
    return {
      uid: known?.uid === uid ? 'same' : 'new',
      ...(resourceVersion === undefined ? {} : { resourceVersion: version }),
    }
  }

  #text(text: string, key: string): string {
    if (key === 'resourceVersion') return text === '' ? '' : 'version'
    if (TIMES.has(key)) return text.replaceAll(/\d/g, '0')
    if (key === 'continue') return text === '' ? '' : 'token'
    if (key === 'cells' && /^\d+s$/.test(text)) return 'age'
    const masked = MASKS.reduce((so, [pattern, by]) => so.replaceAll(pattern, by), text)
    return masked
      .replaceAll(this.#namespace, 'default')
      .replaceAll(/\b10\.96\.\d+\.\d+\b/g, (ip) => this.#address(ip))
      .replaceAll(/\bfd00:10:96::[0-9a-f:]*/g, (ip) => this.#address(ip))
  }

  #address(ip: string): string {
    return SERVICE_ADDRESSES.includes(ip) ? ip : this.#name(ip.includes(':') ? 'IPv6' : 'IPv4', ip)
  }

  #name(kind: string, value: string): string {
    const known = this.#names.get(`${kind} ${value}`)
    if (known !== undefined) return known
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    this.#names.set(`${kind} ${value}`, `<${kind} ${count}>`)
    return `<${kind} ${count}>`
  }
}

/** A bookmark comes when the server gets to it, unless it ends the initial events. */
function isTold(value: unknown): boolean {
  const { type, object } = (value ?? {}) as {
    type?: unknown
    object?: { metadata?: { annotations?: object } }
  }
  return type !== 'BOOKMARK' || object?.metadata?.annotations !== undefined
}

/** Descriptions of columns, the empty spec that Go's bookmarks of some kinds have, times of managers … */
const isLeftOut = (object: Record<string, unknown>, name: string): boolean =>
  (name === 'description' && 'format' in object) ||
  (name === 'spec' && (object['metadata'] as Identity | undefined)?.name === undefined) ||
  (name === 'time' && 'fieldsType' in object) ||
  // Nobody reads who manages a question.
  (name === 'metadata' && String(object['kind']).endsWith('Review'))

/** Several causes come in the order of a map of Go, also in the message. */
function inAnyOrder({
  message,
  details,
}: {
  message?: unknown
  details?: { causes?: readonly unknown[] }
}): object {
  const several = typeof message === 'string' && unique(details?.causes ?? []).length > 1
  return several ? { message: message.replace(/ is invalid: .*/s, ' is invalid: <causes>') } : {}
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

const unique = (values: readonly unknown[]): unknown[] => [
  ...new Map(values.map((one) => [JSON.stringify(one), one])).values(),
]

/**
 * Dialogues with an API server: the same requests go to the real one and to the lab's, and the answers must be the
 * same but for what no two servers have in common (uids, versions, times, addresses that they chose).
 */
export interface Step {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** with its query; `{rv:STEP}` stands for the resourceVersion and `{uid:STEP}` for the uid in the answer to a step */
  readonly path: string
  readonly body?: unknown
  /** media type of the body; by the method when absent */
  readonly type?: string
  readonly accept?: string
  /** what the answer is called in placeholders and in the output */
  readonly as?: string
}

export interface Dialogue {
  readonly name: string
  readonly steps: readonly Step[]
}

export interface Answer {
  readonly status: number
  readonly warnings: readonly string[]
  readonly body: unknown
}

/** Sends one request. */
export type Ask = (request: {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}) => Promise<{
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: string
}>

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export const get = (path: string, more: Partial<Step> = {}): Step => ({ method: 'GET', path, ...more })
export const post = (path: string, body: unknown, more: Partial<Step> = {}): Step => ({
  method: 'POST',
  path,
  body,
  ...more,
})
export const put = (path: string, body: unknown, more: Partial<Step> = {}): Step => ({
  method: 'PUT',
  path,
  body,
  ...more,
})
export const patch = (
  kind: keyof typeof PATCH_TYPES,
  path: string,
  body: unknown,
  more: Partial<Step> = {},
): Step => ({ method: 'PATCH', path, body, type: PATCH_TYPES[kind], ...more })
export const remove = (path: string, body?: unknown, more: Partial<Step> = {}): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
})

/**
 * Holds a dialogue with one server, in a namespace of its own which the steps call `default`.
 * @returns one answer a step, normalised
 */
export async function hold(ask: Ask, { steps }: Dialogue, namespace: string): Promise<Answer[]> {
  const normal = new Normaliser(namespace)
  const answers: Answer[] = []
  const raw = new Map<string, unknown>()
  for (const [index, step] of steps.entries()) {
    const fill = (text: string): string =>
      text.replaceAll(
        /\{(rv|uid|field):([^}:]+)(?::([^}]+))?\}/g,
        (_all, what: string, name: string, path = '') => {
          const { metadata } = (raw.get(name) ?? {}) as { metadata?: Record<string, string> }
          if (what === 'rv') return metadata?.['resourceVersion'] ?? 'none'
          if (what === 'uid') return metadata?.['uid'] ?? 'none'
          return String(dig(raw.get(name), String(path).split('.')))
        },
      )
    const body =
      step.body === undefined
        ? undefined
        : fill(typeof step.body === 'string' ? step.body : JSON.stringify(step.body))
    const {
      status,
      headers,
      body: text,
    } = await ask({
      method: step.method,
      path: fill(step.path).replace('/namespaces/default/', `/namespaces/${namespace}/`),
      headers: {
        accept: step.accept ?? 'application/json',
        ...(body === undefined ? {} : { 'content-type': step.type ?? 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    })
    const value = parseAll(text)
    raw.set(step.as ?? String(index), value)
    answers.push({ status, warnings: warningsOf(headers['warning']), body: normal.value(value) })
  }
  return answers
}

const dig = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value)

/** A document, or the lines of a watch. */
function parseAll(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const lines = text.split('\n').filter((line) => line !== '')
    try {
      return lines.map((line) => JSON.parse(line) as unknown)
    } catch {
      return text
    }
  }
}

const warningsOf = (header: string | string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .flatMap((one) => [...one.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]))

/** Gives what differs between any two servers a name by its first appearance. */
class Normaliser {
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  readonly #seen = new Map<string, { uid: string; resourceVersion: unknown }>()
  readonly #namespace: string

  constructor(namespace: string) {
    this.#namespace = namespace
  }

  value(value: unknown, key = ''): unknown {
    // The real server checks metadata twice in places, and says twice what is wrong with it.
    if (key === 'causes' && Array.isArray(value)) return unique(value.map((one) => this.value(one)))
    if (Array.isArray(value)) return value.map((one) => this.value(one, key))
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
      const normal = Object.fromEntries(entries.map(([name, one]) => [name, this.value(one, name)]))
      return { ...normal, ...this.#identity(value as { name?: unknown; uid?: unknown; resourceVersion?: unknown }) }
    }
    if (typeof value === 'number') {
      if (key === 'nodePort' || key === 'healthCheckNodePort') return this.#name('port', String(value))
      return value
    }
    return typeof value === 'string' ? this.#text(value, key) : value
  }

  /** Is it the object that was seen last under this name, and in the version that was seen last? */
  #identity({ name, uid, resourceVersion }: { name?: unknown; uid?: unknown; resourceVersion?: unknown }): object {
    if (typeof name !== 'string' || typeof uid !== 'string') return {}
    const known = this.#seen.get(name)
    this.#seen.set(name, { uid, resourceVersion: resourceVersion ?? known?.resourceVersion })
    return {
      uid: known?.uid === uid ? 'same' : 'new',
      ...(resourceVersion === undefined
        ? {}
        : { resourceVersion: known?.resourceVersion === resourceVersion ? 'same' : 'new' }),
    }
  }

  #text(text: string, key: string): string {
    if (key === 'resourceVersion') return text === '' ? '' : 'version'
    if (TIMES.has(key)) return text.replaceAll(/\d/g, '0')
    if (key === 'continue') return text === '' ? '' : 'token'
    return text
      .replaceAll(this.#namespace, 'default')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>')
      .replaceAll(/\b10\.96\.\d+\.\d+\b/g, (ip) => (FIXED.has(ip) ? ip : this.#name('ip4', ip)))
      .replaceAll(/\bfd00:10:96::[0-9a-f:]*/g, (ip) => (FIXED.has(ip) ? ip : this.#name('ip6', ip)))
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

const unique = (values: readonly unknown[]): unknown[] => [
  ...new Map(values.map((one) => [JSON.stringify(one), one])).values(),
]

const TIMES = new Set(['creationTimestamp', 'deletionTimestamp', 'time'])
/** Addresses that the dialogues name themselves. */
const FIXED = new Set([
  '10.96.200.1',
  '10.96.200.2',
  'fd00:10:96::c801',
  'fd00:10:96::c802',
  'fd00:10:96::',
  '10.96.0.0',
  '10.96.0.1',
  'fd00:10:96::1',
])

/*
 * Server-side apply (KEP-555) as far as tests need it: each manager owns the fields of its last apply. Lists are
 * atomic, except `conditions`, whose items are told apart by `type`.
 */

/** A step of a path: a field, or the item of `conditions` with this type. */
type Step = string | { readonly type: string }
type Leaves = Map<string, { readonly path: readonly Step[]; readonly value: unknown }>
type Json = Record<string, unknown>

export interface ApplyResult {
  readonly object: Json
  /** paths of fields that other managers own with another value; nothing may be stored unless forced */
  readonly conflicts: readonly string[]
}

/**
 * @param applied what each manager applied before, by manager; changed in place to what they own afterwards
 * @returns a new object; fields that the manager applied before and no longer mentions are gone from it
 */
export function applyPatch(
  current: Json,
  body: Json,
  manager: string,
  applied: Map<string, Json>,
): ApplyResult {
  const object = structuredClone(current)
  const wanted = leavesOf(body)
  const others = [...applied].filter(([name]) => name !== manager)
  const conflicts: string[] = []
  for (const [, theirs] of others) {
    for (const [name, { value }] of leavesOf(theirs)) {
      const ours = wanted.get(name)
      if (ours && JSON.stringify(ours.value) !== JSON.stringify(value)) conflicts.push(name)
    }
  }
  // An item loses its `type` last, since it is found by it.
  const before = [...leavesOf(applied.get(manager) ?? {})]
  for (const [name, { path }] of before.sort(
    ([, a], [, b]) => Number(isType(a.path)) - Number(isType(b.path)),
  )) {
    const shared = others.some(([, theirs]) => leavesOf(theirs).has(name))
    if (!wanted.has(name) && !shared) unset(object, path)
  }
  for (const { path, value } of wanted.values()) set(object, path, value)
  return { object, conflicts }
}

/** After a forced apply the fields in conflict are no longer the others'. */
export function takeOver(applied: Map<string, Json>, manager: string, body: Json): void {
  const ours = leavesOf(body)
  for (const [name, theirs] of applied) {
    if (name === manager) continue
    for (const [leaf, { path }] of leavesOf(theirs)) if (ours.has(leaf)) unset(theirs, path)
  }
  applied.set(manager, structuredClone(body))
}

const isType = (path: readonly Step[]): boolean => path.at(-1) === 'type' && typeof path.at(-2) === 'object'

const IDENTITY = new Set(['apiVersion', 'kind', 'metadata.name', 'metadata.namespace'])

function leavesOf(body: Json): Leaves {
  const leaves: Leaves = new Map()
  const visit = (value: unknown, path: readonly Step[]) => {
    if (Array.isArray(value) && path.at(-1) === 'conditions') {
      for (const item of value as Json[]) visit(item, [...path, { type: String(item['type']) }])
    } else if (
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length
    ) {
      for (const [name, child] of Object.entries(value)) visit(child, [...path, name])
    } else {
      const name = path.map((step) => (typeof step === 'string' ? step : `[${step.type}]`)).join('.')
      if (!IDENTITY.has(name)) leaves.set(name, { path, value })
    }
  }
  if (Object.keys(body).length > 0) visit(body, [])
  return leaves
}

function set(object: Json, path: readonly Step[], value: unknown): void {
  let at: Json = object
  for (const [index, step] of path.entries()) {
    const next = path[index + 1]
    if (typeof step !== 'string') {
      const list = at as unknown as Json[]
      let item = list.find((one) => one['type'] === step.type)
      if (!item) list.push((item = {}))
      at = item
    } else if (next === undefined) at[step] = structuredClone(value)
    else at = at[step] = (at[step] ?? (typeof next === 'string' ? {} : [])) as Json
  }
}

function unset(object: Json, path: readonly Step[]): void {
  const [step, ...rest] = path
  if (step === undefined) return
  if (typeof step !== 'string') {
    const list = object as unknown as Json[]
    const at = list.findIndex((one) => one['type'] === step.type)
    if (at < 0) return
    unset(list[at]!, rest)
    if (Object.keys(list[at]!).length === 0) list.splice(at, 1)
  } else if (rest.length === 0) delete object[step]
  else if (object[step] !== undefined) unset(object[step] as Json, rest)
}

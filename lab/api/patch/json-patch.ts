import { badRequest, StatusError } from '../status.ts'
import { copyJson, equalJson, isObject, type JsonObject } from '../json.ts'

interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

/**
 * JSON patch (RFC 6902). The document is not changed.
 * @throws StatusError 400 for a malformed patch, 422 when an operation cannot be done or a test fails
 */
export function jsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    const given = isObject(patch) ? 'object' : typeof patch
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${given} into Go value of type []handlers.jsonPatchOp`,
    )
  }
  const root: JsonObject = { document: copyJson(document) }
  for (const operation of patch) apply(root, operation)
  return root.document
}

function apply(root: JsonObject, { op, path, from, value }: Operation): void {
  const to = pointer(path)
  switch (op) {
    case 'add':
      add(root, to, copyJson(value))
      return
    case 'remove':
      remove(root, to)
      return
    case 'replace':
      get(root, to)
      set(root, to, copyJson(value))
      return
    case 'move': {
      const moved = remove(root, pointer(from ?? ''))
      add(root, to, moved)
      return
    }
    case 'copy':
      add(root, to, copyJson(get(root, pointer(from ?? ''))))
      return
    case 'test':
      if (!equalJson(get(root, to), value)) throw failed()
      return
    default:
      throw failed()
  }
}

/** RFC 6901. The first step leads from the wrapper to the document. */
function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) {
    throw badRequest(`JSON pointer ${JSON.stringify(path)} does not start with /`)
  }
  const steps = path.split('/').slice(1)
  return ['document', ...steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))]
}

/** The API server does not say which operation it could not do, nor why. */
const failed = () =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {})

/** The container of the last step: what it leads from. */
function containerOf(root: JsonObject, steps: readonly string[]): JsonObject | unknown[] {
  const container = steps.length === 1 ? root : get(root, steps.slice(0, -1))
  if (!isObject(container) && !Array.isArray(container)) throw failed()
  return container
}

/** A list index; `length` itself only where an item may be appended. */
function indexOf(list: readonly unknown[], step: string, last: number): number {
  const index = Number(step)
  if (!/^(0|[1-9]\d*)$/.test(step) || index > last || list.length < 0) throw failed()
  return index
}

function get(root: JsonObject, steps: readonly string[]): unknown {
  let current: unknown = root
  for (const step of steps) {
    if (Array.isArray(current)) current = current[indexOf(current, step, current.length - 1)]
    else if (isObject(current) && Object.hasOwn(current, step)) current = current[step]
    else throw failed()
  }
  return current
}

function set(root: JsonObject, steps: readonly string[], value: unknown): void {
  const container = containerOf(root, steps)
  const step = steps.at(-1)!
  if (Array.isArray(container)) container[indexOf(container, step, container.length - 1)] = value
  else container[step] = value
}

function add(root: JsonObject, steps: readonly string[], value: unknown): void {
  const container = containerOf(root, steps)
  const step = steps.at(-1)!
  if (!Array.isArray(container)) container[step] = value
  else if (step === '-') container.push(value)
  else container.splice(indexOf(container, step, container.length), 0, value)
}

function remove(root: JsonObject, steps: readonly string[]): unknown {
  const value = get(root, steps)
  const container = containerOf(root, steps)
  const step = steps.at(-1)!
  if (Array.isArray(container)) container.splice(Number(step), 1)
  else delete container[step]
  return value
}

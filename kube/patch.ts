import { KubeError } from './errors.ts'

/** JSON Merge Patch (RFC 7396 section 2): null removes, objects merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = mergePatch(result[name], value)
  }
  return result
}

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test'
  /** JSON Pointer (RFC 6901) */
  readonly path: string
  readonly value?: unknown
}

/**
 * JSON Patch (RFC 6902) without `move` and `copy`.
 *
 * @throws KubeError FL_KUBE_INVALID when a path does not exist or a test fails
 */
export function jsonPatch(target: unknown, operations: readonly JsonPatchOperation[]): unknown {
  const root = { '': structuredClone(target) }
  for (const operation of operations) applyOperation(root, operation)
  return root['']
}

function applyOperation(root: Record<string, unknown>, operation: JsonPatchOperation): void {
  const steps = operation.path.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = steps.pop()!
  let parent: unknown = root
  for (const step of steps) parent = (parent as Record<string, unknown> | undefined)?.[step]
  if (typeof parent !== 'object' || parent === null) throw impossible(operation)
  const list = Array.isArray(parent) ? parent : undefined
  const holder = parent as Record<string, unknown>
  const at = last === '-' ? (list?.length ?? 0) : Number(last)
  if (operation.op === 'add') {
    if (list) list.splice(at, 0, operation.value)
    else holder[last] = operation.value
    return
  }
  if (!(last in holder)) throw impossible(operation)
  if (operation.op === 'replace') holder[last] = operation.value
  else if (operation.op === 'test') {
    if (JSON.stringify(holder[last]) !== JSON.stringify(operation.value)) throw impossible(operation)
  } else if (list) list.splice(at, 1)
  else delete holder[last]
}

const impossible = ({ op, path }: JsonPatchOperation) =>
  new KubeError('FL_KUBE_INVALID', `json patch: ${op} ${path} cannot be done`, {
    status: 422,
    reason: 'Invalid',
  })

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

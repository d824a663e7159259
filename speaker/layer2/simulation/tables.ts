import { Session, type Runtime } from 'node:inspector'

/** Objects looked at in one count; a core with a few addresses has some hundreds. */
const mostObjects = 50_000

/**
 * How much an object and all that it holds keep in maps, sets and arrays: entries, added up. Private fields are seen
 * with the inspector's eyes, so that the core needs no window for this.
 * @param except objects of these classes are not entered: they belong to somebody else
 */
export function tableSizes(object: object, except: ReadonlySet<string> = new Set()): number {
  const session = new Session()
  session.connect()
  const holder = globalThis as { counted?: object }
  holder.counted = object
  try {
    return count(session, except)
  } finally {
    delete holder.counted
    session.disconnect()
  }
}

/** Walks the graph; an object is known again by a mark that this function's own set keeps in the inspected heap. */
function count(session: Session, except: ReadonlySet<string>): number {
  const evaluate = (expression: string): Runtime.RemoteObject =>
    post<Runtime.EvaluateReturnType>(session, 'Runtime.evaluate', { expression, objectGroup: 'count' }).result
  evaluate('globalThis.seen = new Set(), 0')
  const waiting = [evaluate('globalThis.counted')]
  let entries = 0
  let objects = 0
  try {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (next.objectId === undefined || next.type === 'function' || except.has(next.className ?? ''))
        continue
      if (++objects > mostObjects) throw new Error('too many objects to count')
      const size = sizeOf(session, next.objectId)
      if (size === undefined) continue
      entries += size
      waiting.push(...children(session, next.objectId))
    }
  } finally {
    evaluate('delete globalThis.seen')
    session.post('Runtime.releaseObjectGroup', { objectGroup: 'count' })
  }
  return entries
}

/** Entries of a map, set or array, 0 for others; undefined when the object was seen before. */
function sizeOf(session: Session, objectId: string): number | undefined {
  const { result } = post<Runtime.CallFunctionOnReturnType>(session, 'Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: `function () {
      if (globalThis.seen.has(this)) return -1
      globalThis.seen.add(this)
      return this instanceof Map || this instanceof Set ? this.size : Array.isArray(this) ? this.length : 0
    }`,
    returnByValue: true,
  })
  return result.value === -1 ? undefined : (result.value as number)
}

function children(session: Session, objectId: string): Runtime.RemoteObject[] {
  const found = post<Runtime.GetPropertiesReturnType & { privateProperties?: Runtime.PropertyDescriptor[] }>(
    session,
    'Runtime.getProperties',
    { objectId, ownProperties: true },
  )
  const own = found.result.filter(({ name }) => name !== '__proto__').map(({ value }) => value)
  const hidden = (found.privateProperties ?? []).map(({ value }) => value)
  const inside = (found.internalProperties ?? [])
    .filter(({ name }) => name === '[[Entries]]')
    .map(({ value }) => value)
  return [...own, ...hidden, ...inside].filter((value) => value !== undefined)
}

function post<Result>(session: Session, method: string, parameters: object): Result {
  let found: { error: Error | null; result: Result } | undefined
  session.post(method, parameters, (error, result) => {
    found = { error, result: result as Result }
  })
  // In one thread the answer comes before `post` returns.
  if (found === undefined || found.error !== null) throw new Error(`${method}: ${found?.error?.message}`)
  return found.result
}

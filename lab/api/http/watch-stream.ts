import type { ServerResponse } from 'node:http'
import { inVersion, type Backend } from '../backend.ts'
import type { JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { matcherOf, parseRevision, type Selection } from '../rest/list.ts'
import { cause, invalidOptions, StatusError } from '../status.ts'
import { watch, type WatchChange } from '../store/watch.ts'
import { apiVersionOf, type ResourceType } from '../types/resource-type.ts'
import { presentObject, type Presentation } from './respond.ts'

export interface WatchRequest extends Selection {
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: string | undefined
  readonly sendInitialEvents?: boolean | undefined
  readonly allowBookmarks: boolean
  readonly timeoutSeconds?: number | undefined
}

export interface WatchLimits {
  /** bytes that may wait for a slow client before it is cut off */
  readonly backlog: number
  readonly bookmarkIntervalMs: number
  /** when the client names none */
  readonly timeoutSeconds: number
}

/** A watch while it runs. */
export interface OpenWatch {
  /** ends it at once; with `midLine` in the middle of a line */
  cut(midLine: boolean): void
}

/** JSON of objects that several watchers are told about. */
const texts = new WeakMap<ApiObject, string>()

function textOf(object: ApiObject): string {
  let text = texts.get(object)
  if (text === undefined) {
    text = JSON.stringify(object)
    texts.set(object, text)
  }
  return text
}

/**
 * Answers a watch: one JSON line an event, until the client goes, the time is over or the client does not keep up.
 * @param ended called once, when nothing more will be sent
 * @throws StatusError 400, 422 before anything was sent
 */
export function streamWatch(
  backend: Backend,
  type: ResourceType,
  request: WatchRequest,
  how: Omit<Presentation, 'now'>,
  limits: WatchLimits,
  response: ServerResponse,
  ended: () => void,
): OpenWatch {
  const matches = matcherOf(type, request)
  checkWatchOptions(request)
  const { sendInitialEvents, resourceVersion = '' } = request
  const revision = parseRevision(resourceVersion)
  // Without a version a watch begins with the present objects, as with sendInitialEvents, unless that is refused.
  const initial = sendInitialEvents ?? revision === undefined
  const after = initial ? undefined : (revision ?? backend.store.revision)
  const plain = how.form.as !== 'table' && how.form.as !== 'partial'

  let stop: (() => void) | undefined
  let open = true
  const close = () => {
    if (!open) return
    open = false
    stop?.()
    clearTimeout(timeout)
    clearInterval(bookmarks)
    ended()
  }
  const write = (type_: string, object: string) => {
    if (!open) return
    response.write(`{"type":"${type_}","object":${object}}\n`)
    // A client that does not read is cut off, not buffered for: it comes back and lists again.
    if (response.writableLength > limits.backlog) {
      close()
      response.destroy()
    }
  }
  const tell = ({ type: change, object }: WatchChange) => {
    const version = inVersion(object, type)
    const shown = () => JSON.stringify(presentObject(version, type, { ...how, now: backend.now() }))
    write(change, plain ? textOf(version) : shown())
  }
  const bookmark = (annotations?: Record<string, string>) => {
    const object = bookmarkObject(type, backend.store.revision, annotations)
    write('BOOKMARK', JSON.stringify(presentObject(object, type, { ...how, now: backend.now() })))
  }

  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
  response.flushHeaders()
  const seconds = request.timeoutSeconds ?? limits.timeoutSeconds
  const timeout = setTimeout(() => {
    if (request.allowBookmarks) bookmark()
    close()
    response.end()
  }, seconds * 1000)
  const bookmarks = setInterval(() => {
    if (request.allowBookmarks) bookmark()
  }, limits.bookmarkIntervalMs)
  response.on('close', close)
  response.on('error', close)
  try {
    stop = watch(backend.store, { collection: type.collection, matches, after }, tell)
    if (!open) stop()
    else if (initial && request.allowBookmarks) bookmark({ 'k8s.io/initial-events-end': 'true' })
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    // As the watch cache: the answer has begun, so the error is an event.
    write('ERROR', JSON.stringify(error.toStatus()))
    close()
    response.end()
  }
  return {
    cut(midLine) {
      if (open && midLine) response.write('{"type":"MODIFIED","object":{"kind":"')
      close()
      if (midLine) response.end()
      else response.destroy()
    },
  }
}

/** What cannot be asked of a watch, as ValidateListOptions. @throws StatusError 422 */
function checkWatchOptions({ sendInitialEvents, resourceVersionMatch: match = '' }: WatchRequest): void {
  const fail = (why: string) => invalidOptions('ListOptions', cause.forbidden('resourceVersionMatch', why))
  if (sendInitialEvents === undefined) {
    if (match !== '') {
      throw fail('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
    }
  } else if (match !== 'NotOlderThan') {
    throw fail('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
}

function bookmarkObject(
  type: ResourceType,
  revision: number,
  annotations: Record<string, string> | undefined,
): ApiObject {
  const metadata: JsonObject = {
    resourceVersion: String(revision),
    ...(annotations === undefined ? {} : { annotations }),
  }
  return {
    kind: type.kind,
    apiVersion: apiVersionOf(type),
    metadata: metadata as unknown as ApiObject['metadata'],
  }
}

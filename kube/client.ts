import type {
  KubeApi,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectKey,
  PatchOptions,
  PatchType,
  Resource,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './api.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { Connections } from './connections.ts'
import type { Answer, Call } from './connections.ts'
import type { Credentials } from './credentials.ts'
import { KubeError, kubeErrorFrom } from './errors.ts'
import { requestPath, typed } from './request-path.ts'
import { WatchLines } from './watch-lines.ts'

export interface KubeClientOptions {
  /** `https://host:port`, with a path when a proxy in front asks for one */
  readonly server: string
  readonly credentials: Credentials
  readonly userAgent: string
  /** namespace of the kubeconfig's context or of the service account; 'default' when absent */
  readonly namespace?: string
  /** for everything but the body of a watch; 10 s when absent */
  readonly requestTimeoutMs?: number
  readonly clock?: Clock
  /** bytes of one line of a watch; 16 MiB when absent */
  readonly lineLimit?: number
}

/** Largest answer taken; a page of 500 objects is some megabytes. */
const ANSWER_LIMIT = 128 * 2 ** 20

const patchContent: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
}

type Request = Pick<Call, 'method' | 'path'> & { readonly body?: unknown; readonly content?: string }

/** A Kubernetes API server over HTTP/1.1. */
export class KubeClient implements KubeApi {
  readonly server: string
  readonly namespace: string
  readonly #options: KubeClientOptions
  readonly #credentials: Credentials
  readonly #connections: Connections
  readonly #clock: Clock
  readonly #timeoutMs: number
  /** path in front of every request, without a slash at its end */
  readonly #prefix: string

  constructor(options: KubeClientOptions) {
    const url = parseServer(options.server)
    this.server = options.server
    this.namespace = options.namespace ?? 'default'
    this.#options = options
    this.#credentials = options.credentials
    this.#connections = new Connections(url.origin, () => this.#credentials.tls())
    this.#clock = options.clock ?? systemClock
    this.#timeoutMs = options.requestTimeoutMs ?? 10_000
    this.#prefix = url.pathname.replace(/\/+$/, '')
  }

  get(resource: Resource, key: ObjectKey): Promise<KubeObject> {
    return this.#json({ method: 'GET', path: requestPath(resource, key) })
  }

  async list(
    resource: Resource,
    options: ListOptions & { limit?: number; continue?: string },
  ): Promise<ListPage> {
    const { namespace, ...query } = options
    const path = requestPath(resource, place(namespace), query)
    const list = await this.#json<{
      items?: KubeObject[] | null
      metadata?: { resourceVersion?: string; continue?: string }
    }>({ method: 'GET', path })
    return {
      items: list.items ?? [],
      resourceVersion: list.metadata?.resourceVersion ?? '',
      ...(list.metadata?.continue ? { continue: list.metadata.continue } : {}),
    }
  }

  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    const { namespace, signal, sendInitialEvents, ...query } = options
    const path = requestPath(resource, place(namespace), {
      ...query,
      watch: true,
      allowWatchBookmarks: true,
      ...(sendInitialEvents ? { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' } : {}),
    })
    const controller = new AbortController()
    const abort = () => controller.abort(signal.reason)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    const limit = this.#clock.setTimeout(() => controller.abort(timeoutError()), this.#timeoutMs)
    try {
      const answer = await this.#authorized({ method: 'GET', path }, controller.signal, 'watch')
      if (answer.statusCode >= 400) throw await refusal(answer)
      limit.cancel()
      const lines = new WatchLines(this.#options.lineLimit ?? 16 * 2 ** 20)
      for await (const chunk of answer.body) {
        for (const line of lines.push(chunk as Buffer)) yield parse(line) as WatchEvent
      }
      lines.end()
    } catch (error) {
      if (!signal.aborted) throw this.#failure('GET', path, error)
    } finally {
      limit.cancel()
      signal.removeEventListener('abort', abort)
      controller.abort()
    }
  }

  create(resource: Resource, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const { fieldManager } = options
    const path = requestPath(resource, place(object.metadata.namespace), { fieldManager })
    return this.#json({ method: 'POST', path, body: typed(resource, object) })
  }

  update(resource: Resource, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const { fieldManager, subresource } = options
    const path = requestPath(resource, object.metadata, { fieldManager }, subresource)
    return this.#json({ method: 'PUT', path, body: typed(resource, object) })
  }

  patch(resource: Resource, key: ObjectKey, body: unknown, options: PatchOptions): Promise<KubeObject> {
    const { type, fieldManager, force, subresource } = options
    const query = { fieldManager, ...(type === 'apply' && force ? { force } : {}) }
    return this.#json({
      method: 'PATCH',
      path: requestPath(resource, key, query, subresource),
      body: type === 'apply' ? typed(resource, body as KubeObject) : body,
      content: patchContent[type],
    })
  }

  async delete(resource: Resource, key: ObjectKey): Promise<void> {
    await this.#json({ method: 'DELETE', path: requestPath(resource, key) })
  }

  /** Cuts all connections; what still runs fails with FL_KUBE_UNREACHABLE. */
  close(): Promise<void> {
    return this.#connections.close()
  }

  async #json<T = KubeObject>(request: Request): Promise<T> {
    const controller = new AbortController()
    const limit = this.#clock.setTimeout(() => controller.abort(timeoutError()), this.#timeoutMs)
    try {
      const answer = await this.#authorized(request, controller.signal, 'request')
      if (answer.statusCode >= 400) throw await refusal(answer)
      return parse(await textOf(answer)) as T
    } catch (error) {
      throw this.#failure(request.method, request.path, error)
    } finally {
      limit.cancel()
    }
  }

  async #authorized(request: Request, signal: AbortSignal, kind: 'request' | 'watch'): Promise<Answer> {
    const answer = await this.#send(request, signal, kind)
    if (answer.statusCode !== 401 || !this.#credentials.forget()) return answer
    await answer.body.dump()
    this.#connections.renew()
    return this.#send(request, signal, kind)
  }

  async #send(request: Request, signal: AbortSignal, kind: 'request' | 'watch'): Promise<Answer> {
    const credentials = await unlessAborted(this.#credentials.headers(), signal)
    const content = request.content ?? 'application/json'
    return this.#connections[kind]({
      method: request.method,
      path: this.#prefix + request.path,
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent,
        ...(request.body === undefined ? {} : { 'content-type': content }),
        ...credentials,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal,
    })
  }

  #failure(method: string, path: string, error: unknown): KubeError {
    if (error instanceof KubeError) return error
    const cause = error as Error & { code?: string | number }
    const timedOut = cause.name === 'TimeoutError'
    const what = timedOut ? `no answer in ${this.#timeoutMs} ms` : cause.message || String(cause.code)
    return new KubeError('FL_KUBE_UNREACHABLE', `${method} ${this.server}${path}: ${what}`, {
      reason: timedOut ? 'Timeout' : String(cause.code ?? cause.name),
      cause,
    })
  }
}

const place = (namespace?: string): Partial<ObjectKey> => (namespace ? { namespace } : {})

const timeoutError = () => new DOMException('timeout', 'TimeoutError')

function parseServer(server: string): URL {
  const url = URL.parse(server)
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return url
  throw new KubeError('FL_KUBE_CONFIG', `server ${JSON.stringify(server)} is not an http or https URL`)
}

async function refusal(answer: Answer): Promise<KubeError> {
  const text = await textOf(answer)
  const after = Number(answer.headers['retry-after'])
  return kubeErrorFrom(answer.statusCode, parseOr(text), after > 0 ? after * 1000 : undefined)
}

async function textOf(answer: Answer): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const chunk of answer.body) {
    length += (chunk as Buffer).length
    if (length > ANSWER_LIMIT) {
      throw new KubeError('FL_KUBE_STREAM', `the answer is longer than ${ANSWER_LIMIT} bytes`)
    }
    parts.push(chunk as Buffer)
  }
  return Buffer.concat(parts, length).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const start = JSON.stringify(text.slice(0, 80))
    throw new KubeError('FL_KUBE_STREAM', `the server sent what is not JSON: ${start}`, { cause })
  }
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Credentials may come from a program that hangs; the request's time limit covers it. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

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
import { Deadline } from './deadline.ts'
import { KubeError, kubeErrorFrom } from './errors.ts'
import type { Reply } from './exchange.ts'
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
      const answer = await this.#watch(path, controller.signal)
      if (answer.statusCode >= 400) throw refusal({ ...answer, body: Buffer.from(await answer.body.bytes()) })
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
    const { fieldManager, unread = false } = options
    const path = requestPath(resource, place(object.metadata.namespace), { fieldManager })
    const request = { method: 'POST', path, body: typed(resource, object) } as const
    return unread ? this.#ask(request, () => object) : this.#json(request)
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

  #json<T = KubeObject>(request: Request): Promise<T> {
    return this.#ask(request, ({ body }) => parse(body.toString('utf8')) as T)
  }

  async #ask<T>(request: Request, read: (reply: Reply) => T): Promise<T> {
    const deadline = new Deadline(this.#clock, this.#timeoutMs, timeoutError)
    try {
      let reply = await this.#send(request, deadline)
      if (this.#mayBeForgiven(reply)) reply = await this.#send(request, deadline)
      if (reply.statusCode >= 400) throw refusal(reply)
      return read(reply)
    } catch (error) {
      throw this.#failure(request.method, request.path, error)
    } finally {
      deadline.end()
    }
  }

  async #send(request: Request, deadline: Deadline): Promise<Reply> {
    // Credentials may come from a program that hangs.
    const credentials = await deadline.within(this.#credentials.headers())
    const exchange = this.#connections.request(this.#call(request, credentials))
    return deadline.within(exchange.reply, (error) => exchange.cancel(error))
  }

  async #watch(path: string, signal: AbortSignal): Promise<Answer> {
    const send = async () => {
      const credentials = await unlessAborted(this.#credentials.headers(), signal)
      return this.#connections.watch(this.#call({ method: 'GET', path }, credentials), signal)
    }
    const answer = await send()
    if (!this.#mayBeForgiven(answer)) return answer
    await answer.body.dump()
    return send()
  }

  /** After a 401: other credentials may come of asking again, and new connections take others. */
  #mayBeForgiven({ statusCode }: { readonly statusCode: number }): boolean {
    if (statusCode !== 401 || !this.#credentials.forget()) return false
    this.#connections.renew()
    return true
  }

  #call({ method, path, body, content }: Request, credentials: Readonly<Record<string, string>>): Call {
    const headers = { accept: 'application/json', 'user-agent': this.#options.userAgent, ...credentials }
    const call = { method, path: this.#prefix + path, headers }
    if (body === undefined) return call
    return {
      ...call,
      headers: { ...headers, 'content-type': content ?? 'application/json' },
      body: JSON.stringify(body),
    }
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

function refusal({ statusCode, headers, body }: Reply): KubeError {
  const after = Number(headers['retry-after'])
  return kubeErrorFrom(statusCode, parseOr(body.toString('utf8')), after > 0 ? after * 1000 : undefined)
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

/** Credentials may come from a program that hangs. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

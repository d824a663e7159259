import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { KubeError } from './errors.ts'

/** A whole answer. */
export interface Reply {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  /** UTF-8 */
  readonly body: Buffer
}

/** Largest answer taken; a page of 500 objects is some megabytes. */
const ANSWER_LIMIT = 128 * 2 ** 20

/**
 * One request with its whole answer, as undici calls it back. `undici.request` gives the same with a stream, an async
 * iterator and an abort signal, which for a small answer cost more than everything else.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly reply: Promise<Reply>
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: unknown) => void
  #controller: Dispatcher.DispatchController | undefined
  #cancelled: Error | undefined
  #statusCode = 0
  #headers: IncomingHttpHeaders = {}
  readonly #parts: Buffer[] = []
  #length = 0

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    this.reply = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Nobody waits any more: also a request that waits for a connection is not sent. */
  cancel(reason: Error): void {
    this.#cancelled = reason
    this.#controller?.abort(reason)
    this.#reject(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#cancelled !== undefined) controller.abort(this.#cancelled)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#statusCode = statusCode
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length
    this.#parts.push(chunk)
    if (this.#length <= ANSWER_LIMIT) return
    controller.abort(new KubeError('FL_KUBE_STREAM', `the answer is longer than ${ANSWER_LIMIT} bytes`))
  }

  onResponseEnd(): void {
    const [only] = this.#parts
    const body = this.#parts.length === 1 ? only : Buffer.concat(this.#parts, this.#length)
    this.#resolve({ statusCode: this.#statusCode, headers: this.#headers, body })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error)
  }
}

import type { WatchEvent, WatchOptions } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { inVersion, type Backend } from './backend.ts'
import { copyJson } from './json.ts'
import { matcherOf, parseRevision } from './rest/list.ts'
import { watch } from './store/watch.ts'
import { apiVersionOf, type ResourceType } from './types/resource-type.ts'

/** Events that may wait for a reader. */
const LIMIT = 100_000

/** A watch in process: what the store tells waits here until the reader takes it. */
export class LocalWatch {
  readonly #options: WatchOptions
  readonly #stop: () => void
  #waiting: WatchEvent[] = []
  #wake = () => {}
  #overflowed = false
  #over = false

  /** @throws StatusError 400, 410 */
  constructor(backend: Backend, type: ResourceType, options: WatchOptions) {
    this.#options = options
    const { store } = backend
    const after = options.sendInitialEvents === true ? undefined : parseRevision(options.resourceVersion)
    const start = { collection: type.collection, matches: matcherOf(type, options), after }
    this.#stop = watch(store, start, ({ type: change, object }) =>
      this.#push({ type: change, object: copyJson(inVersion(object, type)) }),
    )
    if (options.sendInitialEvents !== true) return
    const annotations = { 'k8s.io/initial-events-end': 'true' }
    const metadata = { name: '', resourceVersion: String(store.revision), annotations }
    this.#push({ type: 'BOOKMARK', object: { kind: type.kind, apiVersion: apiVersionOf(type), metadata } })
  }

  /** Ends with the time, or when the signal says so. @throws KubeError when the reader is too slow */
  async *events(): AsyncGenerator<WatchEvent, void> {
    const { signal, timeoutSeconds } = this.#options
    const end = () => {
      this.#over = true
      this.#wake()
    }
    const timeout = setTimeout(end, timeoutSeconds * 1000)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      while (!signal.aborted) {
        const batch = this.#waiting
        this.#waiting = []
        for (const event of batch) {
          yield event
          if (signal.aborted) return
        }
        if (this.#waiting.length > 0) continue
        if (this.#overflowed) throw new KubeError('FL_KUBE_STREAM', 'the watch did not keep up')
        if (this.#over) return
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#stop()
      clearTimeout(timeout)
      signal.removeEventListener('abort', end)
    }
  }

  #push(event: WatchEvent): void {
    if (this.#waiting.length >= LIMIT) this.#overflowed = true
    else if (!this.#overflowed) this.#waiting.push(event)
    this.#wake()
  }
}

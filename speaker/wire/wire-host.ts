import { Worker } from 'node:worker_threads'
import type { WireDesired, WireObserved } from './protocol.ts'

export interface WireHostOptions {
  /** the name of this node, as candidates name it */
  readonly node: string
  readonly onObserved: (observed: WireObserved) => void
  /** the thread ended without being asked to: the process has to end too, and the kubelet starts it anew */
  readonly onCrash: (error: Error) => void
}

/** What the worker gets when it starts. */
export interface WireWorkerData {
  readonly node: string
}

/** How long a planned stop may take before the thread is ended. */
const stopTimeout = 3000

/** The main thread's side of the wire thread. */
export class WireHost {
  readonly #options: WireHostOptions
  #worker: Worker | undefined
  #stopping: Promise<void> | undefined
  #stopped = (): void => {}

  constructor(options: WireHostOptions) {
    this.#options = options
  }

  /** Starts the thread, in the network namespace that the calling thread is in. */
  start(): void {
    const workerData: WireWorkerData = { node: this.#options.node }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, name: 'wire' })
    this.#worker = worker
    worker.on('message', (observed: WireObserved) => {
      if (observed.kind === 'stopped') this.#stopped()
      this.#options.onObserved(observed)
    })
    worker.on('error', (error) => this.#ended(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => this.#ended(new Error(`the wire thread ended with code ${code}`)))
  }

  /** Messages sent before `start` or after `stop` are lost. */
  send(desired: WireDesired): void {
    if (this.#stopping === undefined && this.#worker !== undefined) this.#post(this.#worker, desired)
  }

  /** Planned stop: addresses are handed over, routes withdrawn and sessions closed before the thread ends. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  #post(worker: Worker, desired: WireDesired): void {
    // The second argument keeps it apart from the method of a browser window, for linters.
    worker.postMessage(desired, [])
  }

  async #stop(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined) return
    const stopped = new Promise<void>((resolve) => (this.#stopped = resolve))
    let limit: NodeJS.Timeout | undefined
    const timeout = new Promise<void>((resolve) => (limit = setTimeout(resolve, stopTimeout)))
    this.#post(worker, { kind: 'stop' })
    await Promise.race([stopped, timeout])
    clearTimeout(limit)
    await worker.terminate()
  }

  /** An error is followed by the exit; only the first is told. */
  #ended(error: Error): void {
    const crashed = this.#worker !== undefined && this.#stopping === undefined
    this.#worker = undefined
    this.#stopped()
    if (crashed) this.#options.onCrash(error)
  }
}

import { Worker } from 'node:worker_threads'
import type { WireAnswer, WireDesired, WireObserved, WireQuestion } from './protocol.ts'

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
const stopTimeout = 6000
/** How long an answer may take. */
const answerTimeout = 2000

/** The main thread's side of the wire thread. */
export class WireHost {
  readonly #options: WireHostOptions
  #worker: Worker | undefined
  #stopping: Promise<void> | undefined
  #stopped = (): void => {}
  /** the thread has said that it is done, or is ended by force */
  #finished = false
  /** by the id of the question */
  readonly #waiting = new Map<number, (answer: WireAnswer | undefined) => void>()
  #asked = 0

  constructor(options: WireHostOptions) {
    this.#options = options
  }

  /** Starts the thread, in the network namespace that the calling thread is in. */
  start(): void {
    const workerData: WireWorkerData = { node: this.#options.node }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, name: 'wire' })
    this.#worker = worker
    worker.on('message', (observed: WireObserved) => {
      if (observed.kind === 'answer') return this.#waiting.get(observed.id)?.(observed.answer)
      if (observed.kind === 'stopped') {
        this.#finished = true
        this.#stopped()
      }
      this.#options.onObserved(observed)
    })
    worker.on('error', (error) => this.#ended(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => this.#ended(new Error(`the wire thread ended with code ${code}`)))
  }

  /** Messages sent before `start` or after `stop` are lost. */
  send(desired: WireDesired): void {
    if (this.#stopping === undefined && this.#worker !== undefined) this.#post(this.#worker, desired)
  }

  /** Asks the thread something; undefined when it has not answered in two seconds. */
  ask(question: WireQuestion): Promise<WireAnswer | undefined> {
    const id = ++this.#asked
    return new Promise((resolve) => {
      const settle = (answer: WireAnswer | undefined): void => {
        clearTimeout(limit)
        this.#waiting.delete(id)
        resolve(answer)
      }
      const limit = setTimeout(() => settle(undefined), answerTimeout)
      this.#waiting.set(id, settle)
      this.send({ kind: 'ask', id, question })
    })
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
    this.#finished = true
    await worker.terminate()
  }

  /** An error is followed by the exit; only the first is told. */
  #ended(error: Error): void {
    const running = this.#worker !== undefined
    const crashed = running && this.#stopping === undefined
    this.#worker = undefined
    this.#stopped()
    if (crashed) this.#options.onCrash(error)
    else if (running && !this.#finished) {
      const fields = { error: error.message }
      const message = 'the wire thread died while it was being stopped'
      this.#options.onObserved({ kind: 'log', level: 'error', message, fields })
    }
  }
}

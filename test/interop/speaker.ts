import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { speakerFlags } from '#cli/node-flags.ts'
import type { BfdSessionStatus } from '#speaker/bfd/status.ts'
import type { WireDesired, WireObserved } from '#speaker/wire/protocol.ts'
import { spawnIn, type Netns } from '../netns.ts'

export type ToSpeaker =
  | { readonly kind: 'desired'; readonly desired: WireDesired }
  | { readonly kind: 'weigh' }
  | { readonly kind: 'block'; readonly ms: number }
  | { readonly kind: 'stop' }

export type FromSpeaker =
  | { readonly kind: 'started' }
  | { readonly kind: 'observed'; readonly observed: WireObserved }
  | { readonly kind: 'weight'; readonly rss: number }
  | { readonly kind: 'unblocked' }

const program = fileURLToPath(new URL('./speaker-main.ts', import.meta.url))

/** A speaker's wire thread as a process in a namespace, and the newest of what it has said. */
export class Speaker {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #sessions = new Map<string, SessionStatus>()
  readonly #bfd = new Map<string, BfdSessionStatus>()
  readonly #logs: string[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = once(child, 'exit')
    child.on('message', (message: FromSpeaker) => {
      if (message.kind === 'observed') this.#observed(message.observed)
    })
  }

  /** Resolves when it takes orders. */
  static async start(ns: Netns): Promise<Speaker> {
    // As the chart starts it, so that memory can be compared.
    const options = ['--expose-gc', '--max-semi-space-size=2', ...speakerFlags]
    const child = spawnIn(ns, process.execPath, [...options, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    const speaker = new Speaker(child)
    await speaker.#next('started')
    return speaker
  }

  send(...messages: WireDesired[]): void {
    for (const desired of messages) this.#say({ kind: 'desired', desired })
  }

  session(peer: string): SessionStatus | undefined {
    return this.#sessions.get(peer)
  }

  /** The BFD session between these addresses; undefined when there is none. */
  bfd(local: string, remote: string): BfdSessionStatus | undefined {
    return [...this.#bfd.values()].find((status) => status.local === local && status.remote === remote)
  }

  /** What it has logged, a line a message. */
  get logs(): readonly string[] {
    return this.#logs
  }

  /** Resident memory without garbage, in octets. */
  async weigh(): Promise<number> {
    const answer = this.#next('weight')
    this.#say({ kind: 'weigh' })
    return (await answer).rss
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The main thread computes for so many milliseconds and does nothing else; resolves afterwards. */
  async block(ms: number): Promise<void> {
    const answer = this.#next('unblocked')
    this.#say({ kind: 'block', ms })
    await answer
  }

  get child(): ChildProcess {
    return this.#child
  }

  /** A planned stop. */
  async stop(): Promise<void> {
    if (!this.running) return
    this.#say({ kind: 'stop' })
    await this.#exited
  }

  /** The process stands still, as on a node that hangs, or goes on. */
  freeze(on: boolean): void {
    this.#child.kill(on ? 'SIGSTOP' : 'SIGCONT')
  }

  /** An end without a word: the kernel closes the connections. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #say(message: ToSpeaker): void {
    this.#child.send(message)
  }

  async #next<Kind extends FromSpeaker['kind']>(kind: Kind): Promise<Extract<FromSpeaker, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const listener = (message: FromSpeaker): void => {
        if (message.kind !== kind) return
        this.#child.off('message', listener)
        resolve(message as Extract<FromSpeaker, { kind: Kind }>)
      }
      this.#child.on('message', listener)
      void this.#exited.then(() => reject(new Error(`the speaker ended: ${this.#logs.at(-1) ?? ''}`)))
    })
  }

  #observed(observed: WireObserved): void {
    switch (observed.kind) {
      case 'sessions':
        for (const status of observed.sessions) this.#sessions.set(status.peer, status)
        return
      case 'bfd':
        for (const status of observed.sessions) this.#bfd.set(status.key, status)
        for (const key of observed.closed) this.#bfd.delete(key)
        return
      case 'log':
        this.#logs.push(`${observed.level}: ${observed.message} ${JSON.stringify(observed.fields)}`)
    }
  }
}

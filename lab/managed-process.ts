import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { labPath } from './programs.ts'

export interface ManagedOptions {
  readonly command: readonly [string, ...string[]]
  /** standard output and error are appended here */
  readonly log: string
  readonly env?: Readonly<Record<string, string>>
  /** milliseconds until the first restart after a crash; doubles with each up to `MAX_BACKOFF_MS` */
  readonly firstBackoffMs?: number
}

const MAX_BACKOFF_MS = 10_000
/** After running this long, a process starts its back-off from the beginning. */
const FORGET_MS = 60_000
const STOP_MS = 10_000

/** A process that is started again after a crash, as the kubelet does: after 1 s, 2 s, 4 s … 10 s. */
export class ManagedProcess {
  readonly #options: ManagedOptions
  #child: ChildProcess | undefined
  #wanted = false
  #crashes = 0
  #startedAt = 0
  #timer: NodeJS.Timeout | undefined
  /** of the next restart only */
  #delayOnce: number | undefined

  constructor(options: ManagedOptions) {
    this.#options = options
  }

  /** undefined while it is not running */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** was started and not stopped; it may be waiting for its next start */
  get wanted(): boolean {
    return this.#wanted
  }

  /** At once, also when it is waiting for its next start. */
  start(): void {
    if (this.#child !== undefined) return
    clearTimeout(this.#timer)
    this.#wanted = true
    this.#crashes = 0
    this.#run()
  }

  /** SIGTERM, SIGKILL when that does not help; it stays stopped. */
  async stop(): Promise<void> {
    this.#wanted = false
    clearTimeout(this.#timer)
    const child = this.#child
    if (child === undefined) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    // A stopped process does not see SIGTERM before it continues.
    child.kill('SIGTERM')
    child.kill('SIGCONT')
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(hard)
  }

  /** SIGKILL; it starts again after `restartMs`, or stays away when that is absent. Resolves when it is dead. */
  async crash(restartMs?: number): Promise<void> {
    if (restartMs === undefined) this.#wanted = false
    else this.#delayOnce = restartMs
    clearTimeout(this.#timer)
    const child = this.#child
    if (child === undefined) {
      if (restartMs !== undefined) this.#schedule()
      return
    }
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGKILL')
    await ended
  }

  /** @returns false when it is not running */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false
  }

  #run(): void {
    const { command, log, env } = this.#options
    const fd = openSync(log, 'a')
    this.#startedAt = performance.now()
    const child = spawn(command[0], command.slice(1), {
      stdio: ['ignore', fd, fd],
      env: { ...process.env, PATH: labPath(), ...env },
    })
    closeSync(fd)
    this.#child = child
    child.once('error', (error) => this.#ended(child, error.message))
    child.once('exit', (code, signal) => this.#ended(child, signal ?? `exit code ${code}`))
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    note(this.#options.log, `ended: ${how}`)
    if (!this.#wanted) return
    if (performance.now() - this.#startedAt > FORGET_MS) this.#crashes = 0
    this.#schedule()
  }

  #schedule(): void {
    const first = this.#options.firstBackoffMs ?? 1000
    const delay = this.#delayOnce ?? Math.min(first * 2 ** this.#crashes, MAX_BACKOFF_MS)
    this.#delayOnce = undefined
    this.#crashes++
    note(this.#options.log, `starting again in ${delay / 1000} s`)
    this.#timer = setTimeout(() => this.#run(), delay)
  }
}

function note(log: string, text: string): void {
  const fd = openSync(log, 'a')
  writeSync(fd, `lab: ${text}\n`)
  closeSync(fd)
}

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KubernetesError } from './errors.ts'

/** How long a process that was asked to end may take. */
const STOP_MS = 5000

/** A server that runs until it is stopped; what it says goes to a file. */
export class ServerProcess {
  readonly #name: string
  readonly #log: string
  readonly #child: ChildProcess
  readonly #ended: Promise<string>
  #how = ''

  /** Starts it in `directory`, where its log is `<name>.log`. @param environment added to ours */
  constructor(
    name: string,
    program: string,
    args: readonly string[],
    directory: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#name = name
    this.#log = join(directory, `${name}.log`)
    const output = openSync(this.#log, 'a')
    const env = { ...process.env, ...environment }
    this.#child = spawn(program, args, { cwd: directory, stdio: ['ignore', output, output], env })
    closeSync(output)
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
    void this.#ended.then((how) => (this.#how = how))
  }

  /** of the process; 0 when it could not be started */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /**
   * Waits until `ready` says so.
   * @throws KubernetesError FL_KUBERNETES_START with the end of the log when the process ends or `limit`
   *   milliseconds have passed
   */
  async whenReady(ready: () => Promise<boolean>, limit: number): Promise<void> {
    const deadline = performance.now() + limit
    while (!(await ready())) {
      if (this.#how !== '') throw this.#failure(`ended (${this.#how})`)
      if (performance.now() > deadline) throw this.#failure(`was not ready in ${limit} ms`)
      await delay(50)
    }
  }

  /** Asks it to end, and ends it when that takes too long. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal)
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await this.#ended
    clearTimeout(limit)
  }

  #failure(what: string): KubernetesError {
    const end = readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-10).join('\n')
    return new KubernetesError(
      'FL_KUBERNETES_START',
      `${this.#name} ${what}; the end of ${this.#log}:\n${end}`,
    )
  }
}

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programEnvironment, programPath } from '#lab/program.ts'
import { cpuMs, memoryMiB } from '../forwarding/usage.ts'

const READY_MS = 30_000
const QUIET_MS = 1500

/** The controller as a Pod of the chart runs it: its own process, elected by Lease. */
export class Subject {
  readonly #socket: string
  readonly #child: ChildProcess

  /** Starts it; `directory` gets its log and its socket. */
  constructor(directory: string, kubeconfig: string, namespace: string, program = programPath) {
    this.#socket = join(directory, 'admin.sock')
    const log = openSync(join(directory, 'controller.log'), 'a')
    const args = ['controller', '--kubeconfig', kubeconfig, '--namespace', namespace, '--port', '0']
    this.#child = spawn(process.execPath, [program, ...args, '--admin-socket', this.#socket], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...programEnvironment },
    })
    closeSync(log)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** milliseconds of CPU so far, all threads */
  get cpu(): number {
    return cpuMs(this.pid)
  }

  /** resident, now and at most, in MiB */
  get memory(): { now: number; peak: number } {
    return memoryMiB(this.pid)
  }

  async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS
    while ((await this.#get('/readyz')) !== 'ok\n') {
      if (performance.now() > deadline) throw new Error('the controller is not ready; see its log')
      await delay(50)
    }
    const leads = async () => (JSON.parse(await this.#get('/api/v1/status')) as { leader?: boolean }).leader
    while ((await leads()) !== true) await delay(50)
  }

  /** Waits until it has used no CPU to speak of for a while: less than 1 %. */
  async quiet(): Promise<void> {
    for (let before = this.cpu; ;) {
      await delay(QUIET_MS)
      const now = this.cpu
      if (now - before < QUIET_MS / 100) return
      before = now
    }
  }

  /** How often a Service was looked at since the start. */
  async decisions(): Promise<number> {
    const text = await this.#get('/metrics')
    const count = /^\w+_work(?:_duration)?_seconds_count\{[^}]*"services"[^}]*\} (\d+)/m.exec(text)?.[1]
    if (count === undefined) throw new Error('no count of decisions in the metrics')
    return Number(count)
  }

  /** A planned stop, as in an upgrade. */
  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }

  #get(path: string): Promise<string> {
    return new Promise((resolve) => {
      const asking = request({ socketPath: this.#socket, path, timeout: 5000 }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (text += part))
        response.on('end', () => resolve(text))
      })
      asking.on('error', () => resolve('{}'))
      asking.end()
    })
  }
}

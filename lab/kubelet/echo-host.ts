import { fork, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import type { EchoPod, EchoReply, EchoRequest } from './echo-messages.ts'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The supervisor's end of the process that serves the pods. Started again, with all its pods, if it ever dies. */
export class EchoHost {
  readonly #log: string
  #child: ChildProcess | undefined
  readonly #open = new Map<string, EchoPod>()
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(log: string) {
    this.#log = log
  }

  start(): void {
    const fd = openSync(this.#log, 'a')
    const child = fork(fileURLToPath(new URL('./echo-main.ts', import.meta.url)), {
      stdio: ['ignore', fd, fd, 'ipc'],
      serialization: 'json',
    })
    closeSync(fd)
    this.#child = child
    child.on('message', (reply: EchoReply) => this.#settle(reply))
    child.once('error', (error) => console.error(`echo process: ${error.message}`))
    child.once('exit', (code, signal) => this.#ended(signal ?? `exit code ${code}`))
    for (const pod of this.#open.values()) this.#send({ kind: 'open', pod })
  }

  /** @throws LabError FL_LAB_COMMAND when a port cannot be listened on */
  open(pod: EchoPod): Promise<void> {
    this.#open.set(pod.id, pod)
    return this.#ask(pod.id, { kind: 'open', pod })
  }

  close(id: string): Promise<void> {
    if (!this.#open.delete(id)) return Promise.resolve()
    return this.#ask(id, { kind: 'close', id })
  }

  #ask(id: string, request: EchoRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), { resolve, reject }])
      this.#send(request)
    })
  }

  #send(request: EchoRequest): void {
    this.#child?.send(request, () => undefined)
  }

  #settle(reply: EchoReply): void {
    const [first, ...rest] = this.#waiting.get(reply.id) ?? []
    if (rest.length === 0) this.#waiting.delete(reply.id)
    else this.#waiting.set(reply.id, rest)
    if (reply.kind === 'failed') {
      this.#open.delete(reply.id)
      first?.reject(new LabError('FL_LAB_COMMAND', reply.message))
    } else first?.resolve()
  }

  #ended(how: string): void {
    console.error(`echo process ended: ${how}; starting it again`)
    const lost = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    for (const one of lost) one.reject(new LabError('FL_LAB_COMMAND', 'the echo process ended'))
    setTimeout(() => this.start(), 200)
  }
}

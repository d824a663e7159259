import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { callControl } from '../control.ts'
import { LabError } from '../errors.ts'
import { spawnInLab } from '../exec.ts'
import { labFiles } from '../state-directory.ts'
import type { AgentReply, AgentRequest, Answer, LoopOutcome, Placed, Question } from './messages.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** A loop that is running. */
export interface RunningLoop {
  /** Ends it and says how its requests went. */
  stop(): Promise<LoopOutcome>
}

type Waiting = { readonly resolve: (reply: AgentReply) => void; readonly reject: (error: Error) => void }

/** Asks echo servers from any place of a running lab, through one process inside. */
export class LabRequests {
  readonly #name: string
  readonly #waiting = new Map<number, Waiting>()
  #child: ChildProcess | undefined
  #last = 0

  /** @param name of the lab */
  constructor(name: string) {
    this.#name = name
  }

  /** @throws LabError FL_LAB_NOT_RUNNING */
  async start(): Promise<void> {
    const child = await spawnInLab(this.#name, 'client', [process.execPath, MAIN])
    this.#child = child
    child.stdin?.on('error', () => undefined)
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) =>
        this.#settle(JSON.parse(line) as AgentReply),
      )
    }
    child.once('close', (code) => this.#ended(`the process that asks ended: ${code}`))
  }

  /** Closes all connections that were kept. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.stdin?.end()
    await ended
  }

  /**
   * Asks from a place: client, router, node/NAME, pod/NAMESPACE/NAME.
   * @returns an answer for each of `count` requests; what cannot be reached is an answer, too
   * @throws LabError FL_LAB_PLACE
   */
  async ask(from: string, question: Question): Promise<readonly Answer[]> {
    const placed = await this.#place(from, question)
    const reply = await this.#send({ kind: 'ask', id: ++this.#last, ...placed })
    return reply.kind === 'answers' ? reply.answers : []
  }

  /** Asks the targets in turn, one request every so many milliseconds. @throws LabError FL_LAB_PLACE */
  async loop(
    targets: readonly { readonly from: string; readonly question: Question }[],
    everyMs: number,
  ): Promise<RunningLoop> {
    const id = ++this.#last
    const placed = await Promise.all(targets.map(({ from, question }) => this.#place(from, question)))
    this.#write({ kind: 'loop', id, everyMs, targets: placed })
    return {
      stop: async () => {
        const reply = await this.#send({ kind: 'stop', id })
        if (reply.kind !== 'looped') throw new LabError('FL_LAB_COMMAND', 'not the outcome of a loop')
        return reply.outcome
      },
    }
  }

  async #place(from: string, question: Question): Promise<Placed> {
    const { networkNamespace } = await callControl(labFiles(this.#name), 'place', { place: from })
    return { namespace: networkNamespace, question }
  }

  #send(request: AgentRequest): Promise<AgentReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject })
      this.#write(request)
    })
  }

  #write(request: AgentRequest): void {
    this.#child?.stdin?.write(`${JSON.stringify(request)}\n`)
  }

  #settle(reply: AgentReply): void {
    this.#waiting.get(reply.id)?.resolve(reply)
    this.#waiting.delete(reply.id)
  }

  #ended(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new LabError('FL_LAB_COMMAND', why))
    this.#waiting.clear()
  }
}

import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { spawnIn, type Netns } from '../../../test/netns.ts'
import type { AgentRequest, AgentResponse, LoopReport, Served, Target } from './agent-messages.ts'

/** An agent in a namespace, as the test sees it. */
export class Agent {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (response: AgentResponse) => void>()
  /** resolves when it serves */
  readonly ready: Promise<void>
  #id = 0

  constructor(ns: Netns, served: Partial<Served> = {}) {
    const program = new URL('agent.ts', import.meta.url).pathname
    const whole: Served = { place: ns.name, tcp: [], udp: [], ...served }
    this.#process = spawnIn(ns, process.execPath, [program, JSON.stringify(whole)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream })
    this.ready = new Promise((resolve, reject) => {
      this.#process.once('exit', (code) => reject(new Error(`the agent in ${ns.name} ended: ${code}`)))
      lines.on('line', (line) => {
        const { id, ...response } = JSON.parse(line) as AgentResponse & { id?: number }
        if (id === undefined) return resolve()
        this.#waiting.get(id)?.(response as AgentResponse)
        this.#waiting.delete(id)
      })
    })
  }

  /** What each of `count` connections got: the server's line, an error code, or `timeout`. */
  async ask(target: Target, count = 1, limit = 5000): Promise<readonly string[]> {
    return resultsOf(await this.#request({ do: 'ask', target, count, limit }))
  }

  /** `silence`, or what came, of `count` connections, judged after a control was refused. */
  async silent(
    target: Target,
    control: { host: string; port: number },
    count = 1,
  ): Promise<readonly string[]> {
    return resultsOf(await this.#request({ do: 'silent', target, control, count }))
  }

  /** A TCP connection that stays; what it was greeted with. */
  async hold(target: Target): Promise<string> {
    return resultsOf(await this.#request({ do: 'hold', target }))[0]
  }

  /** `echo`, or what came instead, on each connection that stayed; ends them. */
  async talk(): Promise<readonly string[]> {
    return resultsOf(await this.#request({ do: 'talk' }))
  }

  /** Begins to connect without end. */
  async loop(options: Omit<Extract<AgentRequest, { do: 'loop' }>, 'do'>): Promise<void> {
    await this.#request({ do: 'loop', ...options })
  }

  async progress(): Promise<LoopReport> {
    return reportOf(await this.#request({ do: 'progress' }))
  }

  /** Ends the loop and tells what it met. */
  async stop(): Promise<LoopReport> {
    return reportOf(await this.#request({ do: 'stop' }))
  }

  #request(request: AgentRequest): Promise<AgentResponse> {
    const id = ++this.#id
    this.#process.stdin?.write(`${JSON.stringify({ id, ...request })}\n`)
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }
}

function resultsOf(response: AgentResponse): readonly string[] {
  if (!('results' in response)) throw new TypeError('the agent gave no results')
  return response.results
}

function reportOf(response: AgentResponse): LoopReport {
  if (!('report' in response)) throw new TypeError('the agent gave no report')
  return response.report
}

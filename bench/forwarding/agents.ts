import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { spawnIn, type Netns } from '../../test/netns.ts'
import type { ClientRequest, ClientResponse, Reached, Target } from './messages.ts'

const SHORT_MS = 40

async function startAgent(ns: Netns, file: string): Promise<ChildProcess> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawnIn(ns, process.execPath, [path], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

/** Serves all endpoints, until `cleanup` of the namespaces. */
export const startPods = (pods: Netns): Promise<unknown> => startAgent(pods, './pods.ts')

type Request = ClientRequest extends infer One ? (One extends unknown ? Omit<One, 'id'> : never) : never

/** The asking process in a client's namespace, seen from here. */
export class Client {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (response: ClientResponse) => void>()
  #id = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (response: ClientResponse) => {
      this.#waiting.get(response.id)?.(response)
      this.#waiting.delete(response.id)
    })
  }

  static async start(ns: Netns): Promise<Client> {
    return new Client(await startAgent(ns, './client.ts'))
  }

  /** Resolves when each target has answered. */
  answer(targets: readonly Target[]): Promise<Reached> {
    return this.#reached({ kind: 'answer', targets: targets.map(({ host, port }) => ({ host, port })) })
  }

  /** Resolves when each target has been answered by one of its pods; an attempt fails after `limit` milliseconds. */
  reach(
    targets: readonly (Target & { readonly pods: readonly string[] })[],
    limit = SHORT_MS,
  ): Promise<Reached> {
    return this.#reached({ kind: 'reach', targets, limit })
  }

  /** Microseconds of the TCP handshakes of each list. */
  async handshake(lists: readonly (readonly Target[])[]): Promise<readonly (readonly number[])[]> {
    const response = await this.#ask({ kind: 'handshake', lists })
    if (response.kind !== 'handshakes') throw new Error(`client: ${response.kind}`)
    return response.lists
  }

  async #reached(request: Request): Promise<Reached> {
    const response = await this.#ask(request)
    if (response.kind !== 'reached') throw new Error(`client: ${response.kind}`)
    return response.reached
  }

  async #ask(request: Request): Promise<ClientResponse> {
    const id = this.#id++
    const response = await new Promise<ClientResponse>((resolve) => {
      this.#waiting.set(id, resolve)
      this.#child.send({ ...request, id })
    })
    if (response.kind === 'error') throw new Error(response.message)
    return response
  }
}

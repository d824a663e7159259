import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readiness } from '#lab/product.ts'
import { NAMESPACE, type ComponentUser } from './product.ts'
import { ServerProcess } from './server-process.ts'
import type { TestCluster } from './test-cluster.ts'

const CLI = join(import.meta.dirname, '../../cli/main.ts')
const READY_MS = 20_000

/** The rights and the place of a process of the product. */
export interface ProductProcessOptions {
  readonly name: string
  /** after `fairlead`: `controller`, and options */
  readonly args: readonly string[]
  /** what an installation grants it */
  readonly user: ComponentUser
  /** in front of the command, to start it elsewhere: `nsenter --net=…` */
  readonly wrapper?: readonly string[]
}

/** One process of the product as its Pod would be started, with its log in the cluster's directory. */
export class ProductProcess {
  readonly name: string
  /** path of its admin API */
  readonly socket: string
  readonly #log: string
  readonly #process: ServerProcess

  private constructor(name: string, socket: string, process: ServerProcess, log: string) {
    this.name = name
    this.socket = socket
    this.#process = process
    this.#log = log
  }

  /** Resolves when it runs; `whenReady` waits until it works. */
  static async start(
    cluster: TestCluster,
    { name, args, user, wrapper = [] }: ProductProcessOptions,
  ): Promise<ProductProcess> {
    const { directory, kubernetes } = cluster
    const kubeconfig = await kubernetes.kubeconfig(user.user, user.groups)
    const socket = join(directory, `${name}.sock`)
    const place = ['--kubeconfig', kubeconfig, '--namespace', NAMESPACE, '--admin-socket', socket]
    const [program, ...rest] = [...wrapper, process.execPath, CLI, ...args, ...place, '--port', '0']
    const running = new ServerProcess(name, program, rest, directory, {
      NODE_COMPILE_CACHE: join(tmpdir(), `fairlead-compile-cache-${process.getuid?.() ?? 0}`),
    })
    return new ProductProcess(name, socket, running, join(directory, `${name}.log`))
  }

  get pid(): number {
    return this.#process.pid
  }

  /** @throws KubernetesError FL_KUBERNETES_START with the end of its log */
  whenReady(): Promise<void> {
    return this.#process.whenReady(async () => (await readiness(this.socket)) === '', READY_MS)
  }

  /** What it has written so far, a line each. */
  log(): readonly string[] {
    return readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  }

  /** Lines that say that the API server refused it something, or that something failed which should not. */
  troubles(): readonly string[] {
    return this.log().filter((line) => /FL_KUBE_FORBIDDEN|forbidden|"level":"error"/i.test(line))
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid, signal)
  }

  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    return this.#process.stop(signal)
  }
}

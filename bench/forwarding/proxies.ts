import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { programEnvironment, programPath } from '#lab/program.ts'
import { spawnIn, until } from '../../test/netns.ts'
import { monotonic } from './monotonic.ts'
import { flushRuleset } from './ruleset.ts'
import { CLUSTER_CIDRS, type Place } from './topology.ts'

/** A service proxy under measurement, in a place of its own. */
export interface ProxySpec {
  readonly name: string
  readonly place: Place
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** how long it holds changes back after one: what comes sooner measures that and not the proxy */
  readonly restMs: number
}

/** kube-proxy in nftables mode; all else as it is by default but for connection tracking, which is the machine's. */
export const kubeProxy = (program: string, kubeconfig: string, place: Place): ProxySpec => ({
  name: 'kube-proxy',
  place,
  command: [
    program,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${place.nodeName}`,
    '--proxy-mode=nftables',
    '--detect-local-mode=ClusterCIDR',
    `--cluster-cidr=${CLUSTER_CIDRS.join(',')}`,
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ],
  environment: {},
  // --nftables-min-sync-period is a second.
  restMs: 1200,
})

/**
 * The speaker as the lab starts it: with compiled code and stripped types of the run before, since an image has
 * sources that are stripped already.
 */
export const fairlead = (
  kubeconfig: string,
  namespace: string,
  place: Place,
  program = programPath,
): ProxySpec => ({
  name: 'Fairlead',
  place,
  command: [
    process.execPath,
    program,
    'speaker',
    `--kubeconfig=${kubeconfig}`,
    `--node-name=${place.nodeName}`,
    `--namespace=${namespace}`,
    '--forwarding=full',
    `--cluster-cidr=${CLUSTER_CIDRS.join(',')}`,
    '--port=0',
  ],
  environment: programEnvironment,
  restMs: 0,
})

/** Tens of thousands of Services on a busy machine. */
const SAY_MS = 120_000

/** Starts and ends one proxy, many times. */
export class Proxy {
  readonly spec: ProxySpec
  readonly #log: string
  #child: ChildProcess | undefined

  constructor(spec: ProxySpec, directory: string) {
    this.spec = spec
    this.#log = join(directory, `${spec.name}.log`)
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** When it was started, on the clock of monotonic.ts. */
  start(): number {
    const [program, ...args] = this.spec.command
    const output = openSync(this.#log, 'w')
    const env = { ...process.env, ...this.spec.environment }
    const from = monotonic()
    this.#child = spawnIn(this.spec.place.node, program, args, { stdio: ['ignore', output, output], env })
    closeSync(output)
    return from
  }

  /** Ends it as a crash does. What it has programmed stays. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Ends it and removes everything that it has programmed. */
  async reset(): Promise<void> {
    await this.kill()
    await flushRuleset(this.spec.place.node)
  }

  /** Resolves with what `find` makes of what it has said since it started, as soon as that is something. */
  said<T>(what: string, find: (log: string) => T | undefined): Promise<T> {
    return until(what, () => find(readFileSync(this.#log, 'utf8')), SAY_MS)
  }
}

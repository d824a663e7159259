import { isIPv6 } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import type { KubeClient } from '#kube/client.ts'
import { connect } from '#kube/connect.ts'
import { isPodReady, labResources, type Pod } from '#lab/cluster/objects.ts'
import type { Answer, Question } from '#lab/requests/messages.ts'
import { LabRequests } from '#lab/requests/requests.ts'
import { TestLab, until } from './test-lab.ts'

/** A lab with what forwarding tests ask of it: pods and Services by a line each, and who answered whom. */

const NAMESPACE = 'default'
const LIMIT_MS = 40_000
/** Requests that decide who is reachable: that one of two endpoints is missed by all of them has odds of 2^-15. */
const ENOUGH = 16
/** Shorter than the second after which TCP repeats itself: what was dropped before a change is asked anew. */
const ANSWER_MS = 400

export type Family = 4 | 6

export interface Addresses {
  readonly 4: string
  readonly 6: string
}

export interface PodSettings {
  readonly node: string
  readonly labels?: Record<string, string>
  /** TCP ports, or all of a port; 80/TCP when absent */
  readonly ports?: readonly (number | { name?: string; containerPort: number; protocol?: 'TCP' | 'UDP' })[]
  readonly hostNetwork?: boolean
  /** seconds for which it serves after its deletion */
  readonly termination?: number
  readonly ready?: boolean
}

/** A Service as the API server answers it. */
export interface ServiceObject extends KubeObject {
  readonly spec: {
    readonly type: string
    readonly clusterIPs?: readonly string[]
    readonly healthCheckNodePort?: number
    readonly ports: readonly { name?: string; port: number; protocol: string; nodePort?: number }[]
  }
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { ip: string }[] } }
}

/** A Service and how to reach it. */
export interface Reachable {
  readonly name: string
  readonly clusterIP: Addresses
  /** of the first port, or of the port with this name */
  nodePort(port?: string): number
  readonly healthCheckNodePort: number
}

const POOL = [
  {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: 'pool', namespace: 'metallb-system' },
    spec: { addresses: ['192.168.1.100-192.168.1.150', 'fd00:192:168:1::100-fd00:192:168:1::150'] },
  },
  {
    apiVersion: 'metallb.io/v1beta1',
    kind: 'L2Advertisement',
    metadata: { name: 'pool', namespace: 'metallb-system' },
    spec: { ipAddressPools: ['pool'] },
  },
]

export const families = [4, 6] as const

/** Does the same for both families at the same time. */
export const both = async (body: (family: Family) => Promise<unknown>): Promise<void> => {
  await Promise.all(families.map(body))
}

export class ForwardingWorld {
  readonly lab: TestLab
  readonly requests: LabRequests
  #api: KubeClient | undefined

  /** @param what names the lab */
  constructor(what: string) {
    this.lab = new TestLab(what)
    this.requests = new LabRequests(this.lab.name)
  }

  async up(...options: string[]): Promise<void> {
    expect(await this.lab.up('--router', 'none', ...options)).toMatchObject({ code: 0, stderr: '' })
    this.#api = await connect({ kubeconfig: this.lab.info.kubeconfig, userAgent: 'forwarding-test' })
    await Promise.all([
      this.requests.start(),
      this.lab.apply(POOL.map((object) => JSON.stringify(object)).join('\n')),
    ])
  }

  async down(): Promise<void> {
    await this.requests.stop()
    this.#api?.close()
    await this.lab.down()
  }

  get api(): KubeClient {
    if (this.#api === undefined) throw new Error('the lab is not up')
    return this.#api
  }

  /** The LAN addresses of a node, of the client, of the router. */
  address(machine: string): Addresses {
    const { client, router, nodes } = this.lab.info
    const all = [{ name: 'client', ...client }, { name: 'router', ...router }, ...nodes]
    const [v4 = '', v6 = ''] = all.find(({ name }) => name === machine)?.addresses ?? []
    return { 4: v4, 6: v6 }
  }

  /** Creates a pod and waits until it is as it was asked for. @returns its addresses */
  async pod(name: string, settings: PodSettings): Promise<Addresses> {
    const { node, labels = {}, ports = [], hostNetwork = false, termination, ready = true } = settings
    const own = {
      ...labels,
      ...(termination === undefined ? {} : { 'lab.fairlead.io/termination': String(termination) }),
      ...(ready ? {} : { 'lab.fairlead.io/ready': 'false' }),
    }
    const declared = ports.map((port) => (typeof port === 'number' ? { containerPort: port } : port))
    await this.api.create(labResources.pods, {
      metadata: { namespace: NAMESPACE, name, labels: own },
      spec: {
        nodeName: node,
        hostNetwork,
        terminationGracePeriodSeconds: 120,
        containers: [{ name: 'echo', image: 'echo', ports: declared }],
      },
    } as KubeObject)
    return until(`pod ${name}`, async () => {
      const pod = (await this.api.get(labResources.pods, { namespace: NAMESPACE, name })) as Pod
      const [v4, v6] = (pod.status?.podIPs ?? []).map(({ ip }) => ip)
      return v6 !== undefined && isPodReady(pod) === ready ? { 4: v4, 6: v6 } : undefined
    })
  }

  /** Several pods at once. @returns their addresses in the same order */
  pods(all: Readonly<Record<string, PodSettings>>): Promise<Addresses[]> {
    return Promise.all(Object.entries(all).map(([name, settings]) => this.pod(name, settings)))
  }

  /** Merges labels into those of a pod; null removes one. */
  async label(name: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#patch('pods', name, { metadata: { labels } })
  }

  async deletePods(...names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.api.delete(labResources.pods, { namespace: NAMESPACE, name })))
  }

  /** Creates a Service of both families. A selector is `app: NAME` unless it is given. */
  async service(
    name: string,
    spec: Readonly<Record<string, unknown>>,
    metadata: Readonly<Record<string, unknown>> = {},
  ): Promise<Reachable> {
    const whole = {
      ipFamilyPolicy: spec.type === 'ExternalName' ? undefined : 'RequireDualStack',
      selector: { app: name },
      ports: [{ port: 80 }],
      ...spec,
    }
    const object = { metadata: { namespace: NAMESPACE, name, ...metadata }, spec: whole } as KubeObject
    return reachable((await this.api.create(labResources.services, object)) as ServiceObject)
  }

  /** Merges into the spec of a Service. */
  async change(name: string, spec: Readonly<Record<string, unknown>>): Promise<Reachable> {
    return reachable((await this.#patch('services', name, { spec })) as ServiceObject)
  }

  /** Merges labels into those of a Service; null removes one. */
  async labelService(name: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#patch('services', name, { metadata: { labels } })
  }

  async deleteServices(...names: string[]): Promise<void> {
    const one = (name: string) => this.api.delete(labResources.services, { namespace: NAMESPACE, name })
    await Promise.all(names.map(one))
  }

  #patch(kind: 'pods' | 'services', name: string, body: unknown): Promise<KubeObject> {
    return this.api.patch(labResources[kind], { namespace: NAMESPACE, name }, body, { type: 'merge' })
  }

  /** The load balancer addresses of a Service, as soon as it has them. */
  vip(name: string): Promise<Addresses> {
    return until(`addresses of ${name}`, async () => {
      const key = { namespace: NAMESPACE, name }
      const { status } = (await this.api.get(labResources.services, key)) as ServiceObject
      const found = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip)
      const [v4, v6] = [found.find((ip) => !isIPv6(ip)), found.find((ip) => isIPv6(ip))]
      return v4 === undefined || v6 === undefined ? undefined : { 4: v4, 6: v6 }
    })
  }

  /** Writes an EndpointSlice by hand, for Services without a selector. */
  async slice(service: string, name: string, slice: Readonly<Record<string, unknown>>): Promise<void> {
    const labels = { 'kubernetes.io/service-name': service, 'endpointslice.kubernetes.io/managed-by': 'test' }
    const object = { metadata: { namespace: NAMESPACE, name, labels }, ...slice } as KubeObject
    await this.api.create(labResources.endpointSlices, object)
  }

  ask(from: string, question: Question): Promise<readonly Answer[]> {
    return this.requests.ask(from, question)
  }

  /** One answer. */
  async askOnce(from: string, question: Question): Promise<Answer> {
    return (await this.ask(from, question))[0]
  }

  /** Who answers: names of pods and error codes, each once, in order. */
  async who(from: string, question: Question): Promise<string[]> {
    return distinct(
      await this.ask(from, { count: ENOUGH, limit: ANSWER_MS, ...question }),
      ({ pod, error, status }) => {
        return pod ?? error ?? `status ${status}`
      },
    )
  }

  /** Who answers, and what source address each saw: `web-1 saw 10.244.1.2`. */
  async saw(from: string, question: Question): Promise<string[]> {
    return distinct(
      await this.ask(from, { count: ENOUGH, ...question }),
      ({ pod, client, error, status }) => {
        return pod === undefined ? (error ?? `status ${status}`) : `${pod} saw ${hostOf(client ?? '')}`
      },
    )
  }

  /** Waits until exactly these answer. @throws what vitest throws, with the last answer */
  async expectWho(from: string, question: Question, wanted: readonly string[]): Promise<void> {
    await eventually(() => this.who(from, question), [...wanted].sort(), `${from} to ${where(question)}`)
  }

  /** Waits until exactly these answer, and saw these sources. */
  async expectSaw(from: string, question: Question, wanted: readonly string[]): Promise<void> {
    await eventually(() => this.saw(from, question), [...wanted].sort(), `${from} to ${where(question)}`)
  }
}

const where = ({ to, port, protocol = 'tcp' }: Question): string => `${to} ${protocol} ${port}`

function reachable({ metadata, spec }: ServiceObject): Reachable {
  const [v4 = '', v6 = ''] = [...(spec.clusterIPs ?? [])].sort(
    (a, b) => Number(isIPv6(a)) - Number(isIPv6(b)),
  )
  return {
    name: metadata.name,
    clusterIP: { 4: v4, 6: v6 },
    nodePort: (name) =>
      (name === undefined ? spec.ports[0] : spec.ports.find((port) => port.name === name))?.nodePort ?? 0,
    healthCheckNodePort: spec.healthCheckNodePort ?? 0,
  }
}

const distinct = (answers: readonly Answer[], word: (answer: Answer) => string): string[] =>
  [...new Set(answers.map(word))].sort()

/** The address of `address:port`. */
export const hostOf = (client: string): string => client.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '')

/** The port of `address:port`. */
export const portOf = (client = ''): number => Number(/:(\d+)$/.exec(client)?.[1])

/** Asks until the answer is this one; after ten seconds the difference is the failure. */
export async function eventually<T>(ask: () => Promise<T>, wanted: T, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  for (;;) {
    const found = await ask()
    if (isSame(found, wanted)) return
    if (performance.now() > deadline) {
      expect(found, what).toEqual(wanted)
      return
    }
    await delay(30)
  }
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

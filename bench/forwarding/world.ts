import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from '#kube/connect.ts'
import { startKubernetes } from '../../test/kubernetes/cluster.ts'
import { KubernetesError } from '../../test/kubernetes/errors.ts'
import { installProduct } from '../../test/kubernetes/product.ts'
import { buildPrograms } from '../../test/kubernetes/programs.ts'
import { Client, startPods } from './agents.ts'
import { startLabApi } from './lab-api.ts'
import { Objects } from './objects.ts'
import { fairlead, kubeProxy, Proxy, type ProxySpec } from './proxies.ts'
import { API_ADDRESS, createPlace, prepareHome, SERVICE_CIDRS, type Place } from './topology.ts'

/** A proxy with somebody who asks through it. */
export interface Contestant {
  readonly proxy: Proxy
  readonly client: Client
}

/** One API server and the proxies that follow it: kube-proxy, where it can be had, then ours. */
export interface World {
  readonly contestants: readonly Contestant[]
  readonly objects: Objects
  /** why there is no kube-proxy, '' when there is one */
  readonly alone: string
  close(): Promise<void>
}

/** An API server, real or the lab's. */
export interface ControlPlane {
  /** path of a kubeconfig */
  kubeconfig(user: string, groups?: readonly string[]): Promise<string>
  stop(): Promise<void>
}

/**
 * Starts everything in the network namespace of the caller, which must be its own. With `lab`, ours alone with the
 * lab's API server: to a real one a new Service costs more the more there are, since it counts all addresses each time.
 */
export async function createWorld(directory: string, lab: boolean): Promise<World> {
  await prepareHome()
  const program = lab ? { message: 'the lab was asked for' } : await kubeProxyProgram()
  const real = typeof program === 'string'
  const server = real ? await startReal(directory) : await startLabApi(directory)
  const api = await connect({
    userAgent: 'bench',
    kubeconfig: await server.kubeconfig('bench', ['system:masters']),
    requestTimeoutMs: 60_000,
  })
  const objects = new Objects(api)
  const product = await installProduct(api)
  await objects.createNamespace()
  const specs: ((place: Place) => Promise<ProxySpec>)[] = []
  if (real) {
    specs.push(async (place) => kubeProxy(program, await server.kubeconfig('system:kube-proxy'), place))
  }
  specs.push(async (place) => {
    const { user, groups } = product.speaker
    return fairlead(await server.kubeconfig(user, groups), product.namespace, place)
  })
  const contestants: Contestant[] = []
  for (const [index, specOf] of specs.entries()) {
    const place = await createPlace(index + 1, `node${index + 1}`)
    await objects.createNode(place.nodeName, place.nodeIP)
    await startPods(place.pods)
    contestants.push({
      proxy: new Proxy(await specOf(place), directory),
      client: await Client.start(place.client),
    })
  }
  return {
    contestants,
    objects,
    alone: real ? '' : program.message,
    async close() {
      for (const { proxy } of contestants) await proxy.kill()
      await api.close()
      await server.stop()
    },
  }
}

/** Path of kube-proxy, or why there is none. */
async function kubeProxyProgram(): Promise<string | KubernetesError> {
  try {
    const wanted = ['etcd', 'kube-apiserver', 'kube-proxy'] as const
    const programs = await buildPrograms(wanted, (name) => console.error(`building ${name}`))
    return programs['kube-proxy']
  } catch (error) {
    if (error instanceof KubernetesError && error.code === 'FL_KUBERNETES_NO_GO') return error
    throw error
  }
}

async function startReal(directory: string): Promise<ControlPlane> {
  const own = join(directory, 'kubernetes')
  await mkdir(own, { recursive: true })
  return startKubernetes({ address: API_ADDRESS, directory: own, serviceCIDRs: SERVICE_CIDRS })
}

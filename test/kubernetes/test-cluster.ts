import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kubectl } from '#lab/api/test-kubectl.ts'
import { connect } from '#kube/connect.ts'
import type { KubeApi } from '#kube/api.ts'
import { startKubernetes, type Kubernetes } from './cluster.ts'
import { buildPrograms } from './programs.ts'
import { testPrograms } from './test-programs.ts'

export interface TestCluster {
  readonly kubernetes: Kubernetes
  /** for what the test makes; removed at the end */
  readonly directory: string
  /** as a member of `system:masters` */
  readonly admin: KubeApi
  /** the same, by the kubectl of this version */
  readonly kubectl: Kubectl
  /** path of the administrator's kubeconfig */
  readonly kubeconfig: string
  /** A client for another user, closed with the cluster. */
  as(who: { readonly user: string; readonly groups?: readonly string[] }): Promise<KubeApi>
  stop(): Promise<void>
}

/** A control plane for the tests of one file, on loopback, with RBAC. Its programs must have been built. */
export async function startTestCluster(
  options: { readonly apiServerFlags?: readonly string[] } = {},
): Promise<TestCluster> {
  const programs = await buildPrograms(testPrograms)
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-kubernetes-'))
  const kubernetes = await startKubernetes({
    ...options,
    address: '127.0.0.1',
    port: await freePort(),
    directory,
    serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'],
  })
  const clients: { close(): Promise<void> }[] = []
  const client = async (kubeconfig: string): Promise<KubeApi> => {
    const made = await connect({ userAgent: 'test', kubeconfig })
    clients.push(made)
    return made
  }
  const kubeconfig = await kubernetes.kubeconfig('admin', ['system:masters'])
  const kubectl = new Kubectl({ path: kubeconfig }, programs.kubectl)
  return {
    kubernetes,
    directory,
    kubeconfig,
    kubectl,
    admin: await client(kubeconfig),
    as: async ({ user, groups }) => client(await kubernetes.kubeconfig(user, groups)),
    stop: async () => {
      kubectl.close()
      await Promise.all(clients.map((one) => one.close()))
      await kubernetes.stop()
    },
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await listening
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

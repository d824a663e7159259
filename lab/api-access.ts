import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyOf, type KubeApi } from '#kube/api.ts'
import { ApiServer } from './api/server.ts'
import { ignoreMissing } from './cluster/controller-loop.ts'
import { labResources, type Pod } from './cluster/objects.ts'
import { PRODUCT_NAMESPACE } from './info.ts'
import { FDS, type SupervisorArguments } from './messages.ts'
import { API_PORT, lanAddress, SERVICE_CIDRS, SWITCH } from './network/addressing.ts'

/** The lab's API server, as the rest of the supervisor uses it. */
export interface LabApi {
  /** for the lab's own controllers: works through an outage, too */
  readonly local: KubeApi
  /** path of the administrator's kubeconfig for use inside the lab */
  readonly insideKubeconfig: string
  /** path of the kubeconfig of a service account in the product's namespace */
  kubeconfigFor(account: 'controller' | 'speaker'): string
  /** Removes a Pod that has ended. */
  removePod(pod: Pod): Promise<void>
  /** Gives a Pod to a node. */
  bindPod(pod: Pod, node: string): Promise<void>
  outage(on: boolean): void
}

const account = (name: string) => `system:serviceaccount:${PRODUCT_NAMESPACE}:${name}`

/**
 * Starts the API server: on the LAN, where the cluster finds it, and on the socket that the launcher opened on the
 * host's 127.0.0.1. Writes the kubeconfigs.
 */
export async function startApi({ options, files, apiPort }: SupervisorArguments): Promise<LabApi> {
  const tokens = { admin: token(), controller: token(), speaker: token() }
  const server = new ApiServer({
    serviceCidrs: options.families.map((family) => SERVICE_CIDRS[family]),
    names: [SWITCH.v4, SWITCH.v6],
    tokens: {
      [tokens.admin]: { user: 'kubernetes-admin', groups: ['system:masters'] },
      [tokens.controller]: { user: account('controller'), groups: serviceAccountGroups },
      [tokens.speaker]: { user: account('speaker'), groups: serviceAccountGroups },
    },
  })
  await server.listen({ fd: FDS.api })
  for (const host of [SWITCH.v4, SWITCH.v6]) await server.listen({ host, port: API_PORT })
  server.advertise(
    options.families.map((family) => ({ address: lanAddress(SWITCH, family), port: API_PORT })),
  )

  const inside = `https://${options.families[0] === 4 ? SWITCH.v4 : `[${SWITCH.v6}]`}:${API_PORT}`
  const write = (path: string, url: string, bearer: string): string => {
    writeFileSync(path, server.kubeconfig(url, bearer), { mode: 0o600 })
    return path
  }
  write(files.kubeconfig, `https://127.0.0.1:${apiPort}`, tokens.admin)
  const local = server.local()
  return {
    local,
    insideKubeconfig: write(join(files.etc, 'admin.kubeconfig'), inside, tokens.admin),
    kubeconfigFor: (name) => write(join(files.etc, `${name}.kubeconfig`), inside, tokens[name]),
    removePod: (pod) => removePod(local, pod),
    bindPod: async (pod, node) => bindPod(server, pod, node),
    outage: (on) => server.outage(on),
  }
}

const token = (): string => randomBytes(24).toString('base64url')
const serviceAccountGroups = ['system:serviceaccounts', `system:serviceaccounts:${PRODUCT_NAMESPACE}`]

/** As a kubelet: a Pod that has ended needs no grace period any more, so its deletion is final. */
async function removePod(api: KubeApi, pod: Pod): Promise<void> {
  const { namespace = '', name } = pod.metadata
  const body = { metadata: { uid: pod.metadata.uid }, status: { phase: 'Succeeded' } }
  const options = { type: 'merge', subresource: 'status' } as const
  await ignoreMissing(api.patch(labResources.pods, { namespace, name }, body, options))
  await ignoreMissing(api.delete(labResources.pods, { namespace, name }))
}

/** What a binding does; the port to the API has no subresource for it, and an update may not set the node. */
function bindPod(server: ApiServer, pod: Pod, node: string): void {
  const pods = labResources.pods.plural
  const stored = server.store.get(pods, keyOf(pod.metadata))
  if (stored === undefined || stored.metadata.uid !== pod.metadata.uid || stored.spec?.nodeName) return
  const spec = { ...stored.spec, nodeName: node }
  server.store.put(pods, keyOf(pod.metadata), { ...stored, metadata: { ...stored.metadata }, spec })
}

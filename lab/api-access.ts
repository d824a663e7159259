import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeApi } from '#kube/api.ts'
import { ApiServer } from './api/server.ts'
import { ignoreMissing } from './cluster/controller-loop.ts'
import { labResources, type Pod } from './cluster/objects.ts'
import { seedObjects } from './cluster/seed.ts'
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
    authorization: 'rbac',
    tokens: {
      [tokens.admin]: { user: 'kubernetes-admin', groups: ['system:masters'] },
      [tokens.controller]: { user: account('controller'), groups: serviceAccountGroups },
      [tokens.speaker]: { user: account('speaker'), groups: serviceAccountGroups },
    },
  })
  server.applyManifest(seedObjects())
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
    removePod: (pod) => ignoreMissing(local.delete(labResources.pods, keyOfPod(pod), ended(pod))),
    bindPod: (pod, node) => local.bind(keyOfPod(pod), node),
    outage: (on) => server.outage(on),
  }
}

const token = (): string => randomBytes(24).toString('base64url')
const serviceAccountGroups = ['system:serviceaccounts', `system:serviceaccounts:${PRODUCT_NAMESPACE}`]

/** As a kubelet deletes a Pod that has ended: at once, and only if it is still the same one. */
const ended = ({ metadata: { uid } }: Pod) => ({
  gracePeriodSeconds: 0,
  ...(uid === undefined ? {} : { preconditions: { uid } }),
})

const keyOfPod = ({ metadata: { namespace, name } }: Pod) => ({
  ...(namespace === undefined ? {} : { namespace }),
  name,
})

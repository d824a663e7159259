import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const DIRECTORY = '/run/secrets/kubernetes.io/serviceaccount'

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly [name: string]: string }
  }[]
  readonly users: readonly { readonly user: { readonly token: string } }[]
}

/**
 * Puts a service account where every Pod has one, so that a process without a kubeconfig runs as it would in a Pod.
 * Only in namespaces of our own (`own-namespaces.ts`), where /run is.
 * @returns the environment of such a process
 */
export function givePodAccount(kubeconfig: string, namespace: string): Record<string, string> {
  if (realpathSync('/var/run') !== '/run') throw new Error('/var/run is not /run here')
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const { cluster } = clusters[0]
  mkdirSync(DIRECTORY, { recursive: true })
  const files = {
    'ca.crt': Buffer.from(cluster['certificate-authority-data'], 'base64'),
    token: users[0].user.token,
    namespace,
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(DIRECTORY, name), content)
  const { hostname, port } = new URL(cluster.server)
  return { KUBERNETES_SERVICE_HOST: hostname.replace(/^\[|\]$/g, ''), KUBERNETES_SERVICE_PORT: port }
}

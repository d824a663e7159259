import { existsSync, readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { KubeClient } from './client.ts'
import { KubeError } from './errors.ts'
import { UserCredentials } from './user-credentials.ts'

export interface ConnectOptions {
  /** path of a kubeconfig; without it the Pod's service account, else KUBECONFIG, else ~/.kube/config */
  readonly kubeconfig?: string
  /** `fairlead-speaker/0.1.0` */
  readonly userAgent: string
  /** context of the kubeconfig; its current-context when absent */
  readonly context?: string
  readonly requestTimeoutMs?: number
  /** where the service account is mounted */
  readonly serviceAccountDir?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the cluster and the credentials; sends nothing yet.
 *
 * @throws KubeError FL_KUBE_CONFIG
 */
export async function connect(options: ConnectOptions): Promise<KubeClient> {
  const env = options.env ?? process.env
  if (options.kubeconfig === undefined && options.context === undefined) {
    const inCluster = connectInCluster(options, env)
    if (inCluster) return inCluster
  }
  // A Pod needs neither this nor the YAML parser behind it: 12 MB.
  const { readKubeconfig } = await import('./kubeconfig.ts')
  const access = readKubeconfig(kubeconfigPaths(options.kubeconfig, env), options.context)
  return new KubeClient({
    ...options,
    server: access.cluster.server,
    credentials: new UserCredentials(access.cluster, access.user),
    namespace: access.namespace,
  })
}

function connectInCluster(
  options: ConnectOptions,
  env: NonNullable<ConnectOptions['env']>,
): KubeClient | undefined {
  const host = env['KUBERNETES_SERVICE_HOST']
  const port = env['KUBERNETES_SERVICE_PORT']
  const directory = options.serviceAccountDir ?? SERVICE_ACCOUNT
  const tokenFile = join(directory, 'token')
  if (!host || !port || !existsSync(tokenFile)) return undefined
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`
  const namespaceFile = join(directory, 'namespace')
  return new KubeClient({
    ...options,
    server,
    credentials: new UserCredentials(
      { name: 'in-cluster', server, caFile: join(directory, 'ca.crt'), skipTLSVerify: false },
      { name: 'service-account', authProvider: { name: 'tokenFile', config: { tokenFile } } },
    ),
    ...(existsSync(namespaceFile) ? { namespace: readFileSync(namespaceFile, 'utf8').trim() } : {}),
  })
}

function kubeconfigPaths(
  kubeconfig: string | undefined,
  env: NonNullable<ConnectOptions['env']>,
): readonly string[] {
  if (kubeconfig !== undefined) return [kubeconfig]
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const wanted = listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube', 'config')]
  const present = wanted.filter((path) => existsSync(path))
  if (present.length > 0) return present
  throw new KubeError(
    'FL_KUBE_CONFIG',
    `not in a Pod (no service account) and no kubeconfig at ${wanted.join(', ')}`,
  )
}

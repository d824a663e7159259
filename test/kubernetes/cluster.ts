import { readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { formatAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { Authority, type KeyPair } from './certificates.ts'
import { kubeconfigText } from './kubeconfig.ts'
import { buildPrograms } from './programs.ts'
import { ServerProcess } from './server-process.ts'

export interface KubernetesOptions {
  /**
   * where the API server listens and what it tells others: an address of this network namespace. With one of loopback
   * the Service `kubernetes` gets no endpoints, since Kubernetes has none for it
   */
  readonly address: string
  /** 6443 when absent */
  readonly port?: number
  /** for data, keys and logs; made here, and removed by `stop` */
  readonly directory: string
  /** one of a family, the first one's family is the default of new Services; such as `10.96.0.0/16` */
  readonly serviceCIDRs: readonly string[]
  /** further names and addresses by which clients reach the API server */
  readonly names?: readonly string[]
  /** with the controllers of kube-controller-manager: EndpointSlices of selectors, garbage collection … */
  readonly controllers?: boolean
  /** further flags of kube-apiserver */
  readonly apiServerFlags?: readonly string[]
}

/** A running Kubernetes control plane. */
export interface Kubernetes {
  /** `https://address:port` */
  readonly server: string
  /** path of the certificate by which clients know the API server */
  readonly certificateAuthority: string
  /** The path of a kubeconfig for a user in these groups; `system:masters` may do everything. */
  kubeconfig(user: string, groups?: readonly string[]): Promise<string>
  /** A client certificate of such a user, and its key. */
  certificate(user: string, groups?: readonly string[]): Promise<KeyPair>
  /** kube-apiserver alone: what it stored is still there when it starts again. */
  readonly apiServer: {
    kill(): Promise<void>
    /** Resolves when it is ready. @throws KubernetesError FL_KUBERNETES_START */
    start(): Promise<void>
  }
  /** Ends all processes and removes the directory. */
  stop(): Promise<void>
}

const START_MS = 60_000

/**
 * Starts etcd, kube-apiserver and, when asked, kube-controller-manager in the caller's network namespace, and waits
 * until they are ready: about three seconds when the programs are built (`buildPrograms`). RBAC is on. etcd listens
 * on a Unix socket, so the only thing to be reached from outside is the API server.
 *
 * @throws KubernetesError; nothing is left running then
 */
export async function startKubernetes(options: KubernetesOptions): Promise<Kubernetes> {
  const { directory } = options
  const { controllers = false } = options
  const programs = await buildPrograms(
    controllers ? ['etcd', 'kube-apiserver', 'kube-controller-manager'] : ['etcd', 'kube-apiserver'],
  )
  const keys = join(directory, 'keys')
  await mkdir(keys, { recursive: true, mode: 0o700 })
  const running: ServerProcess[] = []
  const start = (name: string, program: string, args: readonly string[]): ServerProcess => {
    const process = new ServerProcess(name, program, args, directory)
    running.unshift(process)
    return process
  }
  const end = async (process: ServerProcess, signal?: 'SIGKILL'): Promise<void> => {
    running.splice(running.indexOf(process), 1)
    await process.stop(signal)
  }
  const stop = async (): Promise<void> => {
    while (running.length > 0) await end(running[0])
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const authority = await Authority.create(keys)
    const admin = await authority.client('kubernetes-admin', ['system:masters'])
    const signing = await authority.signingKey('service-accounts')
    const serving = await authority.server('kube-apiserver', servedNames(options))
    const server = serverOf(options)
    const kubeconfig = async (user: string, groups: readonly string[] = []): Promise<string> => {
      const pair = await authority.client(user, groups)
      const path = pair.certificate.replace(/\.crt$/, '.kubeconfig')
      await writeFile(path, kubeconfigText(server, authority.certificate, pair), { mode: 0o600 })
      return path
    }

    start('etcd', programs.etcd, etcdFlags)
    const flags = apiServerFlags(options, {
      etcd: `unix://${join(directory, SOCKET)}`,
      authority: authority.certificate,
      serving,
      signing,
    })
    const ready = readiness(`${server}/readyz`, authority.certificate, admin)
    const startApi = async (): Promise<ServerProcess> => {
      const process = start('kube-apiserver', programs['kube-apiserver'], flags)
      await process.whenReady(ready, START_MS)
      return process
    }
    let api = await startApi()
    const apiServer = {
      kill: () => end(api, 'SIGKILL'),
      start: async () => {
        api = await startApi()
      },
    }
    if (controllers) {
      const access = await kubeconfig('system:kube-controller-manager')
      // `programs` has it whenever it was asked for.
      const program = (programs as Record<string, string>)['kube-controller-manager']
      start('kube-controller-manager', program, controllerFlags(access, authority.certificate, signing))
    }
    const certificate = (user: string, groups: readonly string[] = []) => authority.client(user, groups)
    return { server, certificateAuthority: authority.certificate, kubeconfig, certificate, apiServer, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const serverOf = ({ address, port = 6443 }: KubernetesOptions): string =>
  `https://${isIPv6(address) ? `[${address}]` : address}:${port}`

/** The first address of each Service CIDR is that of the `kubernetes` Service. */
function servedNames({ address, serviceCIDRs, names = [] }: KubernetesOptions): string[] {
  const first = serviceCIDRs.map((text) => {
    const { family, value } = parsePrefix(text).address
    return formatAddress({ family, value: value + 1n })
  })
  return ['localhost', 'kubernetes', 'kubernetes.default.svc', address, ...first, ...names]
}

/** etcd takes no path here, but a name that must look like host and port; the socket is a file of its directory. */
const SOCKET = 'etcd.sock:0'

const etcdFlags: readonly string[] = [
  '--data-dir=etcd',
  `--listen-client-urls=unix://${SOCKET}`,
  `--advertise-client-urls=unix://${SOCKET}`,
  `--listen-peer-urls=unix://peer-${SOCKET}`,
  `--initial-advertise-peer-urls=unix://peer-${SOCKET}`,
  `--initial-cluster=default=unix://peer-${SOCKET}`,
  // The data goes with the directory: nothing has to survive a power failure.
  '--unsafe-no-fsync',
]

interface ApiServerFiles {
  readonly etcd: string
  readonly authority: string
  readonly serving: KeyPair
  readonly signing: KeyPair
}

function apiServerFlags(options: KubernetesOptions, files: ApiServerFiles): string[] {
  const { address, port = 6443, serviceCIDRs, apiServerFlags: further = [] } = options
  const flags = {
    'etcd-servers': files.etcd,
    'bind-address': address,
    'advertise-address': address,
    'secure-port': String(port),
    'tls-cert-file': files.serving.certificate,
    'tls-private-key-file': files.serving.key,
    'client-ca-file': files.authority,
    'authorization-mode': 'Node,RBAC',
    'service-cluster-ip-range': serviceCIDRs.join(','),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': files.signing.certificate,
    'service-account-signing-key-file': files.signing.key,
    // As kubeadm: speakers that forward are privileged.
    'allow-privileged': 'true',
  }
  const reconciler = LOOPBACK.test(address) ? ['--endpoint-reconciler-type=none'] : []
  return [...Object.entries(flags).map(([name, value]) => `--${name}=${value}`), ...reconciler, ...further]
}

const LOOPBACK = /^(127\.|::1$)/

const controllerFlags = (kubeconfig: string, authority: string, signing: KeyPair): string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--root-ca-file=${authority}`,
  `--service-account-private-key-file=${signing.key}`,
  '--use-service-account-credentials',
  '--leader-elect=false',
  // Nobody asks it anything.
  '--secure-port=0',
]

function readiness(url: string, authority: string, { certificate, key }: KeyPair): () => Promise<boolean> {
  const tls = { ca: readFileSync(authority), cert: readFileSync(certificate), key: readFileSync(key) }
  return () =>
    new Promise((resolve) => {
      const asking = request(url, { ...tls, agent: false, timeout: 2000 }, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      })
      asking.once('timeout', () => asking.destroy())
      asking.once('error', () => resolve(false))
      asking.end()
    })
}

import { readFile } from 'node:fs/promises'
import type { Authenticator } from '@kubernetes/client-node/dist/auth.js'
import type { Cluster, User } from '@kubernetes/client-node/dist/config_types.js'
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js'
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js'
import type { Credentials, TlsMaterial } from './credentials.ts'
import { KubeError } from './errors.ts'

interface Applied {
  headers: Record<string, string>
  cert?: string
  key?: string
}

/** Credentials of a kubeconfig user for a cluster, by the client package's authenticators. */
export class UserCredentials implements Credentials {
  readonly #cluster: Cluster
  readonly #user: User
  #authenticator: Promise<Authenticator | undefined> | undefined

  /** @throws KubeError FL_KUBE_CONFIG for what is not supported */
  constructor(cluster: Cluster, user: User = { name: '' }) {
    if (cluster.proxyUrl) throw problem(`cluster ${cluster.name}: proxy-url is not supported`)
    this.#cluster = cluster
    this.#user = user
  }

  async headers(): Promise<Readonly<Record<string, string>>> {
    const { token, username, password, impersonateUser } = this.#user
    const headers: Record<string, string> = {}
    if (username) headers['authorization'] = `Basic ${btoa(`${username}:${password ?? ''}`)}`
    if (token) headers['authorization'] = `Bearer ${token.trim()}`
    if (impersonateUser) headers['impersonate-user'] = impersonateUser
    const applied = await this.#apply()
    // A token file ends in a newline, which a header must not.
    const given = applied.headers['Authorization']?.trim()
    return given ? { ...headers, authorization: given } : headers
  }

  async tls(): Promise<TlsMaterial> {
    const { caData, caFile, tlsServerName, skipTLSVerify } = this.#cluster
    const { certData, certFile, keyData, keyFile } = this.#user
    const applied = await this.#apply()
    const [ca, cert, key] = await Promise.all([
      material(caData, caFile),
      applied.cert ?? material(certData, certFile),
      applied.key ?? material(keyData, keyFile),
    ])
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(tlsServerName ? { servername: tlsServerName } : {}),
      ...(skipTLSVerify ? { rejectUnauthorized: false } : {}),
    }
  }

  forget(): boolean {
    this.#authenticator = undefined
    return Boolean(this.#user.exec || this.#user.authProvider || this.#user.certFile)
  }

  async #apply(): Promise<Applied> {
    this.#authenticator ??= authenticatorOf(this.#user)
    const applied: Applied = { headers: {} }
    try {
      const authenticator = await this.#authenticator
      await authenticator?.applyAuthentication(this.#user, applied)
    } catch (cause) {
      if (cause instanceof KubeError) throw cause
      throw new KubeError('FL_KUBE_CONFIG', `user ${this.#user.name}: ${(cause as Error).message}`, { cause })
    }
    return applied
  }
}

async function authenticatorOf(user: User): Promise<Authenticator | undefined> {
  if (user.exec) return new ExecAuth()
  const provider = user.authProvider as { name?: string; config?: { tokenFile?: string } } | null | undefined
  if (!provider) return undefined
  if (provider.config?.tokenFile) return new FileAuth()
  if (provider.name === 'oidc') {
    // Loaded only by those who need it: it costs 78 MB, because it pulls in the whole generated client.
    const { OpenIDConnectAuth } = await import('@kubernetes/client-node/dist/oidc_auth.js')
    return new OpenIDConnectAuth()
  }
  throw problem(`user ${user.name}: auth-provider ${provider.name} is not supported, use exec`)
}

async function material(data?: string | null, file?: string | null): Promise<Buffer | undefined> {
  if (data) return Buffer.from(data, 'base64')
  return file ? readFile(file) : undefined
}

const problem = (message: string) => new KubeError('FL_KUBE_CONFIG', message)

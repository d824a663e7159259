import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { newClusters, newContexts, newUsers } from '@kubernetes/client-node/dist/config_types.js'
import type { Cluster, Context, User } from '@kubernetes/client-node/dist/config_types.js'
import { parse } from 'yaml'
import { KubeError } from './errors.ts'

/** One context of a kubeconfig, resolved; paths in it are absolute. */
export interface ClusterAccess {
  readonly cluster: Cluster
  /** undefined: anonymous */
  readonly user?: User
  readonly namespace: string
}

interface Entry<Body> {
  name?: string
  cluster?: Body
  user?: Body
}

interface RawFile {
  'current-context'?: string
  clusters?: Entry<Record<string, unknown>>[]
  users?: Entry<RawUser>[]
  contexts?: unknown[]
}

interface RawUser extends Record<string, unknown> {
  tokenFile?: string
  exec?: RawExec
}

interface RawExec {
  apiVersion?: string
  command?: string
  env?: { name: string; value: string }[] | null
}

interface Merged {
  readonly clusters: Cluster[]
  readonly users: User[]
  readonly contexts: Context[]
  current: string
}

/**
 * Reads kubeconfig files and picks a context. Of several files the first that has a name wins, as with kubectl.
 *
 * @param context name of the context; the files' current-context when absent
 * @throws KubeError FL_KUBE_CONFIG
 */
export function readKubeconfig(paths: readonly string[], context?: string): ClusterAccess {
  const merged: Merged = { clusters: [], users: [], contexts: [], current: '' }
  for (const path of paths) addFile(merged, path)
  const name = context ?? merged.current
  const found = merged.contexts.find((one) => one.name === name)
  const files = paths.join(', ')
  if (!found)
    throw problem(name ? `no context ${JSON.stringify(name)} in ${files}` : `no context in ${files}`)
  const cluster = merged.clusters.find((one) => one.name === found.cluster)
  if (!cluster) throw problem(`context ${name}: no cluster ${JSON.stringify(found.cluster)} in ${files}`)
  const user = merged.users.find((one) => one.name === found.user)
  if (found.user && !user) throw problem(`context ${name}: no user ${JSON.stringify(found.user)} in ${files}`)
  return { cluster, ...(user ? { user } : {}), namespace: found.namespace ?? 'default' }
}

function addFile(merged: Merged, path: string): void {
  try {
    const file = (parse(readFileSync(path, 'utf8')) ?? {}) as RawFile
    const directory = dirname(resolve(path))
    const absolute = (name?: string | null) => (name ? resolve(directory, name) : undefined)
    for (const cluster of newClusters(file.clusters)) {
      addOnce(merged.clusters, { ...cluster, caFile: absolute(cluster.caFile) })
    }
    for (const user of newUsers(file.users)) {
      const raw = file.users?.find((one) => one.name === user.name)?.user
      addOnce(merged.users, {
        ...user,
        certFile: absolute(user.certFile),
        keyFile: absolute(user.keyFile),
        exec: execOf(raw?.exec, directory),
        ...tokenFileOf(absolute(raw?.tokenFile)),
      })
    }
    for (const context of newContexts(file.contexts)) addOnce(merged.contexts, context)
    merged.current ||= file['current-context'] ?? ''
  } catch (cause) {
    if (cause instanceof KubeError) throw cause
    throw new KubeError('FL_KUBE_CONFIG', `kubeconfig ${path}: ${(cause as Error).message}`, { cause })
  }
}

function addOnce<T extends { readonly name: string }>(list: T[], item: T): void {
  if (!list.some((one) => one.name === item.name)) list.push(item)
}

/** The package reads tokens from a file only through its `tokenFile` provider; it then re-reads them. */
const tokenFileOf = (tokenFile?: string): Partial<User> =>
  tokenFile ? { authProvider: { name: 'tokenFile', config: { tokenFile } } } : {}

/** As client-go: a command with a slash is relative to the file, and plugins are told that nobody can type. */
function execOf(exec: RawExec | null | undefined, directory: string): RawExec | undefined {
  if (!exec) return undefined
  const info = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
  const command = exec.command?.includes('/') ? resolve(directory, exec.command) : exec.command
  return {
    ...exec,
    ...(command === undefined ? {} : { command }),
    env: [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }],
  }
}

const problem = (message: string) => new KubeError('FL_KUBE_CONFIG', message)

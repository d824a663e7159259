import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { KubernetesError } from './errors.ts'

/** What can be built from `programs/go.mod`, and the Go package of each. */
const packages = {
  etcd: './etcd',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
} as const

export type ProgramName = keyof typeof packages

const SOURCES = join(import.meta.dirname, 'programs')

/** `auto` would download another Go, which nobody has asked for. */
const GO_ENVIRONMENT = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOWORK: 'off' }

/**
 * Programs of Kubernetes, built with Go from the module registry as pinned by `programs/go.mod` and `go.sum`; the
 * path of each. They are kept in `~/.cache/fairlead/programs`, by a digest of what pins them, or in the directory
 * FAIRLEAD_PROGRAMS; those that are there are given at once. The first build of all takes about five minutes on
 * two cores and leaves some gigabytes in Go's own build cache; `onBuild` is told before each.
 *
 * @throws KubernetesError FL_KUBERNETES_NO_GO when something has to be built and Go is missing or too old,
 *   FL_KUBERNETES_BUILD
 */
export async function buildPrograms<Name extends ProgramName>(
  names: readonly Name[],
  onBuild: (name: Name) => void = () => undefined,
): Promise<Record<Name, string>> {
  const pinned = await readPinned()
  const directory = programDirectory(pinned)
  const paths = Object.fromEntries(names.map((name) => [name, join(directory, name)])) as Record<Name, string>
  const missing = names.filter((name) => !existsSync(paths[name]))
  if (missing.length === 0) return paths
  await requireGo(pinned.go)
  await mkdir(directory, { recursive: true })
  for (const name of missing) onBuild(name)
  await build(missing, directory, pinned.kubernetes)
  return paths
}

/** Are these there, so that nothing has to be built? */
export async function programsBuilt(names: readonly ProgramName[]): Promise<boolean> {
  const directory = programDirectory(await readPinned())
  return names.every((name) => existsSync(join(directory, name)))
}

interface Pinned {
  readonly digest: string
  /** least version of Go, such as `1.26.0` */
  readonly go: string
  /** version of Kubernetes, such as `v1.36.3` */
  readonly kubernetes: string
}

async function readPinned(): Promise<Pinned> {
  const files = ['go.mod', 'go.sum', 'etcd/main.go']
  const texts = await Promise.all(files.map((file) => readFile(join(SOURCES, file), 'utf8')))
  const hash = createHash('sha256')
  for (const text of texts) hash.update(text)
  return { digest: hash.digest('hex').slice(0, 16), ...versionsOf(texts[0]) }
}

/** Pure: the versions of Go and Kubernetes that a go.mod asks for. */
export function versionsOf(goMod: string): { go: string; kubernetes: string } {
  const go = /^go (\S+)$/m.exec(goMod)?.[1]
  const kubernetes = /^\s*k8s\.io\/kubernetes (v\S+)$/m.exec(goMod)?.[1]
  if (go !== undefined && kubernetes !== undefined) return { go, kubernetes }
  throw new KubernetesError('FL_KUBERNETES_BUILD', 'go.mod names no version of Go or of k8s.io/kubernetes')
}

function programDirectory({ digest }: Pinned): string {
  if (process.env.FAIRLEAD_PROGRAMS !== undefined) return process.env.FAIRLEAD_PROGRAMS
  const cache = process.env.XDG_CACHE_HOME
  const home = cache === undefined || cache === '' ? join(homedir(), '.cache') : cache
  return join(home, 'fairlead', 'programs', digest)
}

/** Throws unless the Go on the PATH is `least` or newer. */
async function requireGo(least: string): Promise<void> {
  const advice = `Go ${least} or newer is needed on the PATH to build the programs of Kubernetes (https://go.dev/dl)`
  const outcome = await go(['env', 'GOVERSION'], homedir()).catch(() => undefined)
  if (outcome === undefined) throw new KubernetesError('FL_KUBERNETES_NO_GO', `${advice}; there is none`)
  const found = outcome.stdout.trim().replace(/^go/, '')
  if (olderThan(found, least)) {
    throw new KubernetesError('FL_KUBERNETES_NO_GO', `${advice}; there is ${found || 'an unknown version'}`)
  }
}

/** Pure: is version `a` (`1.25.3`, `1.26rc1`) older than `b`? What cannot be read is. */
export function olderThan(a: string, b: string): boolean {
  const numbers = (text: string) => [...text.matchAll(/\d+/g)].slice(0, 2).map(Number)
  const [[major = 0, minor = 0], [leastMajor = 0, leastMinor = 0]] = [numbers(a), numbers(b)]
  return major === leastMajor ? minor < leastMinor : major < leastMajor
}

/** All in one run of `go build`, so that the linker of one overlaps with the compiler of the next. */
async function build(names: readonly ProgramName[], directory: string, version: string): Promise<void> {
  const [major, minor] = version.slice(1).split('.')
  const set = { gitVersion: version, gitMajor: major, gitMinor: minor }
  const flags = Object.entries(set).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  )
  // Elsewhere first: whoever looks meanwhile must not find half a program.
  const partial = await mkdtemp(join(directory, 'build-'))
  try {
    const targets = names.map((name) => packages[name])
    const args = ['build', '-trimpath', '-ldflags', ['-s -w', ...flags].join(' '), '-o', `${partial}/`]
    const { code, stderr } = await go([...args, ...targets], SOURCES)
    if (code !== 0) {
      throw new KubernetesError(
        'FL_KUBERNETES_BUILD',
        `go build of ${names.join(', ')}: ${stderr.trim().slice(-2000)}`,
      )
    }
    for (const name of names) await rename(join(partial, name), join(directory, name))
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function go(args: readonly string[], cwd: string): Promise<Outcome> {
  const child = spawn('go', args, { cwd, env: { ...process.env, ...GO_ENVIRONMENT } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}

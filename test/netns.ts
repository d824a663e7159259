/**
 * Network namespaces for kernel tests. The tier runner (`tools/test.ts`) starts these tests in mount and network
 * namespaces of their own, so what is made here is never the host's; by hand:
 *
 *     unshare -nm sh -c 'mount -t tmpfs t /run && vitest run --project kernel <folder>'
 *
 * Commands enter a namespace with nsenter; `ip netns exec` would remount /sys and hide the cgroup tree.
 */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** A network namespace of the tests. */
export interface Netns {
  readonly name: string
  /** for `inNetworkNamespace` and `nsenter --net=` */
  readonly path: string
}

/** One end of a veth pair. */
export interface End {
  readonly ns: Netns
  readonly device: string
  /** such as `02:00:00:00:00:0a`; the kernel's choice when absent */
  readonly mac?: string
  /** `address/length`, of either family */
  readonly addresses?: readonly string[]
}

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

const made = new Set<Netns>()
const started = new Set<ChildProcess>()
let checked = false

/** A new namespace with loopback up and no duplicate address detection, so that addresses work at once. */
export async function createNetns(name: string): Promise<Netns> {
  refuseHost()
  const ns = { name, path: `/run/netns/${name}` }
  await here('ip', ['netns', 'add', name])
  made.add(ns)
  const settings = ['all', 'default'].map((scope) => `echo 0 > /proc/sys/net/ipv6/conf/${scope}/accept_dad`)
  await must(ns, 'sh', ['-ec', ['ip link set lo up', ...settings].join('\n')])
  return ns
}

/** Joins two namespaces by a veth pair, both ends up and with their addresses. */
export async function connect(a: End, b: End): Promise<void> {
  const mac = (end: End): string[] => (end.mac === undefined ? [] : ['address', end.mac])
  const one = [a.device, 'netns', a.ns.name, ...mac(a)]
  const other = ['name', b.device, 'netns', b.ns.name, ...mac(b)]
  await here('ip', ['link', 'add', ...one, 'type', 'veth', 'peer', ...other])
  for (const { ns, device, addresses = [] } of [a, b]) {
    const lines = addresses.map((address) => {
      return `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`
    })
    await must(ns, 'ip', ['-batch', '-'], [`link set ${device} up`, ...lines].join('\n'))
  }
}

/** Runs a command in the namespace to its end, whatever its exit code (-1 when a signal ended it). */
export function run(ns: Netns, command: string, args: readonly string[], input = ''): Promise<Outcome> {
  return finish(spawnIn(ns, command, args, { stdio: 'pipe' }), input)
}

/** As `run`, with an error unless the exit code is 0; gives what the command printed. */
export async function must(ns: Netns, command: string, args: readonly string[], input = ''): Promise<string> {
  return succeed([command, ...args], await run(ns, command, args, input))
}

/** Starts a command in the namespace; `cleanup` ends it if it still runs. nsenter becomes the command: same pid. */
export function spawnIn(
  ns: Netns,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  const child = spawn('nsenter', [`--net=${ns.path}`, command, ...args], options)
  started.add(child)
  child.once('close', () => started.delete(child))
  return child
}

/** Ends what `spawnIn` started and deletes the namespaces with all that is in them. For `afterAll`. */
export async function cleanup(): Promise<void> {
  const running = [...started].filter((child) => child.exitCode === null && child.signalCode === null)
  const ends = running.map((child) => new Promise((resolve) => child.once('close', resolve)))
  for (const child of running) child.kill('SIGKILL')
  await Promise.all(ends)
  for (const ns of made) await here('ip', ['netns', 'delete', ns.name])
  made.clear()
}

/**
 * Waits until `condition` gives a value that is neither undefined nor false, and gives that.
 * @throws Error naming `what` after `limit` milliseconds
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  limit = 20_000,
): Promise<T> {
  const deadline = performance.now() + limit
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`not within ${limit} ms: ${what}`)
    await delay(10)
  }
}

async function here(command: string, args: readonly string[]): Promise<string> {
  return succeed([command, ...args], await finish(spawn(command, args), ''))
}

function finish(child: ChildProcess, input: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)))
    child.once('error', reject)
    child.once('close', (code) => resolve({ stdout, stderr, code: code ?? -1 }))
    // A command that does not read its input may be gone before it is written.
    child.stdin?.once('error', () => {})
    child.stdin?.end(input)
  })
}

function succeed(command: readonly string[], { stdout, stderr, code }: Outcome): string {
  if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code}: ${stderr.trim()}`)
  return stdout
}

/** Throws unless /run and the network are ours to change. */
function refuseHost(): void {
  if (checked) return
  const reasons = []
  if (!runIsTmpfs()) reasons.push('/run is not a tmpfs of its own')
  if (process.env.FAIRLEAD_TEST_NAMESPACE !== '1' && sharesMountsWithInit()) {
    reasons.push('the mount namespace is that of process 1')
  }
  const others = Object.keys(networkInterfaces()).filter((name) => name !== 'lo')
  if (others.length > 0) reasons.push(`the network namespace has interfaces (${others.join(', ')})`)
  if (reasons.length > 0) {
    throw new Error(`kernel tests need namespaces of their own: ${reasons.join('; ')}. Use: npm test kernel`)
  }
  checked = true
}

function runIsTmpfs(): boolean {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  const ofRun = mounts.filter((line) => line.split(' ')[4] === '/run')
  return ofRun.at(-1)?.split(' - ')[1].startsWith('tmpfs ') ?? false
}

function sharesMountsWithInit(): boolean {
  try {
    return readlinkSync('/proc/1/ns/mnt') === readlinkSync('/proc/self/ns/mnt')
  } catch {
    // Not permitted: process 1 belongs to somebody above this user namespace.
    return false
  }
}

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LabError } from './errors.ts'
import type { LabInfo } from './info.ts'
import { readLines, writeLine } from './json-lines.ts'
import { FDS, type SupervisorArguments, type SupervisorMessage } from './messages.ts'
import type { LabOptions } from './options.ts'
import { requirePrograms } from './programs.ts'
import {
  claimDirectory,
  labFiles,
  processStartTime,
  removeDirectory,
  type LabFiles,
  type ProcessId,
} from './state-directory.ts'

/** A lab that this process started. */
export interface Launched {
  readonly info: LabInfo
  /** milliseconds from the supervisor's start to a usable lab */
  readonly ms: number
  /** resolves when the lab has ended, for whatever reason */
  readonly ended: Promise<void>
  /** Lets the lab outlive this process. */
  detach(): void
  /** Ends the lab and waits until nothing is left. */
  stop(): Promise<void>
}

/**
 * A private /run holds the names of network namespaces and the sockets of daemons, so that neither meets the
 * host's; the directory of the user's labs, which may lie in /run itself, stays reachable under its path through a
 * descriptor that was opened before.
 */
const PREPARE =
  'exec 9<"$1" && mount -t tmpfs -o mode=755 lab /run && mkdir -p "$1" && chmod 700 "$1" && ' +
  'mount -c --bind /proc/self/fd/9 "$1" && exec 9<&- && shift && exec "$@"'

/**
 * Starts a lab in namespaces of its own and waits until it is usable. Process number 1 in them is the supervisor:
 * when it ends, however it ends, the kernel ends every process of the lab and takes the rest away. The
 * supervisor ends when this process does, until `detach`.
 *
 * @throws LabError FL_LAB_EXISTS, FL_LAB_MISSING_PROGRAM, FL_LAB_NOT_PERMITTED, FL_LAB_START
 */
export async function launch(options: LabOptions): Promise<Launched> {
  requirePrograms(options)
  const files = labFiles(options.name)
  const userNamespace = process.getuid?.() !== 0
  claimDirectory(files, options.name, userNamespace)
  try {
    return await startSupervisor(options, files, userNamespace)
  } catch (error) {
    removeDirectory(files)
    throw error
  }
}

async function startSupervisor(
  options: LabOptions,
  files: LabFiles,
  userNamespace: boolean,
): Promise<Launched> {
  const api = await listenOnHost()
  const dashboard = await listenOnHost()
  const args: SupervisorArguments = {
    options,
    files,
    apiPort: portOf(api),
    dashboardPort: portOf(dashboard),
    userNamespace,
  }
  const log = join(files.logs, 'supervisor.log')
  const logFd = openSync(log, 'a')
  const child = spawn('unshare', unshareArguments(args), {
    // A session of its own: Ctrl-C in the terminal reaches only the launcher, which ends the lab in order.
    detached: true,
    stdio: ['ignore', logFd, logFd, 'pipe', fdOf(api), fdOf(dashboard)],
  })
  closeSync(logFd)
  api.close()
  dashboard.close()
  return follow(child, files, log)
}

function unshareArguments(args: SupervisorArguments): string[] {
  const user = args.userNamespace ? ['--user', '--map-root-user'] : []
  const namespaces = ['--mount', '--net', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc']
  const supervisor = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
  const command = [process.execPath, supervisor, JSON.stringify(args)]
  return [
    ...user,
    ...namespaces,
    '--propagation',
    'private',
    'sh',
    '-c',
    PREPARE,
    'sh',
    dirname(args.files.root),
    ...command,
  ]
}

function follow(child: ChildProcess, files: LabFiles, log: string): Promise<Launched> {
  const pipe = child.stdio[FDS.launcher] as Duplex
  pipe.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      removeDirectory(files)
      resolve()
    })
  })
  return new Promise<Launched>((resolve, reject) => {
    child.once('error', (error) => reject(new LabError('FL_LAB_START', `unshare: ${error.message}`)))
    child.once('exit', () => {
      const words = lastWords(log)
      pipe.destroy()
      reject(startFailure(words))
    })
    readLines(pipe, (value) => {
      const message = value as SupervisorMessage
      if (message.kind === 'failed') {
        child.removeAllListeners('exit')
        void stop().then(() => reject(new LabError('FL_LAB_START', message.message)))
        return
      }
      child.removeAllListeners('exit')
      child.once('exit', () => pipe.destroy())
      const { info, ms } = message
      resolve({ info, ms, ended, detach, stop })
    })
    writeLine(pipe, { kind: 'begin', outside: supervisorProcess(child.pid ?? 0) })
  })

  function detach(): void {
    writeLine(pipe, { kind: 'detach' })
    pipe.end()
    ;(pipe as Duplex & { unref?: () => void }).unref?.()
    child.unref()
  }

  async function stop(): Promise<void> {
    pipe.end()
    const hard = setTimeout(() => child.kill('SIGKILL'), 5000)
    child.once('exit', () => pipe.destroy())
    if (child.exitCode !== null || child.signalCode !== null) pipe.destroy()
    await ended
    clearTimeout(hard)
  }
}

const startFailure = (line: string): LabError =>
  /unshare:.*(not permitted|denied)|No space left/i.test(line)
    ? new LabError(
        'FL_LAB_NOT_PERMITTED',
        `this user may not make namespaces (${line}): run as root, or allow unprivileged user namespaces ` +
          '(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)',
      )
    : new LabError('FL_LAB_START', `the lab ended while it was starting: ${line}`)

/** The line of the log that says most: an error if there is one, else the last. */
function lastWords(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    return lines.find((line) => /error|unshare:|mount:/i.test(line)) ?? (lines.at(-1) || 'no message')
  } catch {
    return 'no message'
  }
}

/** unshare's only child. unshare itself stays outside the namespaces and waits for it. */
function supervisorProcess(unshare: number): ProcessId {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const pid = childOf(unshare)
    const startTime = pid === undefined ? undefined : processStartTime(pid)
    if (pid !== undefined && startTime !== undefined) return { pid, startTime }
    if (processStartTime(unshare) === undefined) break
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
  return { pid: unshare, startTime: processStartTime(unshare) ?? '' }
}

function childOf(parent: number): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(parent)) return Number(name)
    } catch {
      // The process ended while we looked.
    }
  }
  return undefined
}

/** A socket on 127.0.0.1 of the host, opened before the namespaces are made and handed on open. */
function listenOnHost(): Promise<Server> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port
const fdOf = (server: Server): number => (server as unknown as { _handle: { fd: number } })._handle.fd

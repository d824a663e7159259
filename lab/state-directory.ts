import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { LabError } from './errors.ts'

/** A process of this machine that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number
  /** field 22 of /proc/PID/stat: clock ticks since boot */
  readonly startTime: string
}

/** What `state.json` says: who runs the lab, as seen from outside its namespaces. */
export interface LabState {
  readonly name: string
  /** the launcher until the lab is up, then the supervisor */
  readonly owner: ProcessId
  readonly phase: 'starting' | 'up'
  /** /proc/PID whose namespaces `exec` enters; absent while starting */
  readonly supervisor?: ProcessId
  /** an ordinary user's lab has a user namespace to enter first */
  readonly userNamespace: boolean
}

/** Where a lab keeps its files. Everything under `root` disappears with the lab. */
export interface LabFiles {
  readonly root: string
  readonly state: string
  readonly kubeconfig: string
  readonly logs: string
  readonly control: string
  /** kubeconfigs of controller and speakers, the router's configuration */
  readonly etc: string
  readonly admin: string
}

/** sun_path holds 108 octets with the final zero. */
const SOCKET_PATH_LIMIT = 107

/**
 * The directory of a lab: under XDG_RUNTIME_DIR when there is one, else under the temporary directory, always one
 * for each user and not readable by others.
 * @throws LabError FL_LAB_START when the path is somebody else's or too long for a Unix socket
 */
export function labFiles(name: string): LabFiles {
  const user = userInfo().uid
  const base = join(process.env.XDG_RUNTIME_DIR || tmpdir(), `fairlead-lab-${user}`)
  const root = join(base, name)
  const files = {
    root,
    state: join(root, 'state.json'),
    kubeconfig: join(root, 'kubeconfig'),
    logs: join(root, 'logs'),
    control: join(root, 'control.sock'),
    etc: join(root, 'etc'),
    admin: join(root, 'admin'),
  }
  if (adminSocket(files, 'controller').length > SOCKET_PATH_LIMIT) {
    throw new LabError('FL_LAB_START', `${root} is too long for Unix sockets; set TMPDIR to a shorter path`)
  }
  ensurePrivate(base, user)
  return files
}

export const adminSocket = (files: LabFiles, process: string): string => join(files.admin, `${process}.sock`)

function ensurePrivate(directory: string, user: number): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const found = lstatSync(directory)
  if (!found.isDirectory() || found.uid !== user) {
    throw new LabError('FL_LAB_START', `${directory} exists and is not a directory of yours`)
  }
  if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700)
}

/** undefined when there is no such process. */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command name in parentheses may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

export const isAlive = (process: ProcessId): boolean => processStartTime(process.pid) === process.startTime

function ownProcess(): ProcessId {
  return { pid: process.pid, startTime: processStartTime(process.pid) ?? '' }
}

/** The state of a lab that is alive; undefined when there is none or what is there is a dead lab's. */
export function readState(files: LabFiles): LabState | undefined {
  let state: LabState
  try {
    state = JSON.parse(readFileSync(files.state, 'utf8')) as LabState
  } catch {
    return undefined
  }
  return isAlive(state.owner) ? state : undefined
}

export function writeState(files: LabFiles, state: LabState): void {
  const temporary = `${files.state}.new`
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(temporary, files.state)
}

/**
 * Takes the name: makes the directory with this process as owner. Two launchers at the same time cannot both
 * succeed, because a directory is renamed onto a name that must not exist.
 * @throws LabError FL_LAB_EXISTS
 */
export function claimDirectory(files: LabFiles, name: string, userNamespace: boolean): void {
  const mine = `${files.root}.${process.pid}`
  rmSync(mine, { recursive: true, force: true })
  mkdirSync(mine, { mode: 0o700 })
  for (const part of ['logs', 'etc', 'admin']) mkdirSync(join(mine, part))
  writeState(
    { ...files, state: join(mine, 'state.json') },
    { name, owner: ownProcess(), phase: 'starting', userNamespace },
  )
  try {
    clearDeadLab(files)
    renameSync(mine, files.root)
  } catch (error) {
    rmSync(mine, { recursive: true, force: true })
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    throw new LabError(
      'FL_LAB_EXISTS',
      `a lab named ${name} is running already (end it with "lab down --name ${name}", or choose another --name)`,
    )
  }
}

/** Moved aside first and looked at again there: between a look and a removal another launcher may take the name. */
function clearDeadLab(files: LabFiles): void {
  if (readState(files) !== undefined || !existsSync(files.root)) return
  const aside = `${files.root}.dead.${process.pid}`
  renameSync(files.root, aside)
  if (readState({ ...files, state: join(aside, 'state.json') }) === undefined) {
    rmSync(aside, { recursive: true, force: true })
  } else {
    renameSync(aside, files.root)
  }
}

export function removeDirectory(files: LabFiles): void {
  rmSync(files.root, { recursive: true, force: true })
}

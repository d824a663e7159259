import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { callControl } from './control.ts'
import { LabError } from './errors.ts'
import { labPath } from './programs.ts'
import { labFiles, readState } from './state-directory.ts'

/** Comes back to the caller's directory, which is the same inside, then becomes the command. */
const ENTER = 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"'

interface Entry {
  readonly arguments: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/**
 * How to start a command in a place of the lab: arguments of nsenter. The namespace is named through /proc,
 * because its name under /run means nothing outside.
 * @throws LabError FL_LAB_NOT_RUNNING, FL_LAB_PLACE
 */
async function enterPlace(name: string, place: string, command: readonly string[]): Promise<Entry> {
  const files = labFiles(name)
  const state = readState(files)
  if (state?.supervisor === undefined) {
    throw new LabError('FL_LAB_NOT_RUNNING', `no lab named ${name} is running`)
  }
  const { networkNamespace, kubeconfig } = await callControl(files, 'place', { place })
  const { pid } = state.supervisor
  const user = state.userNamespace ? ['--user', '--preserve-credentials'] : []
  const network = `--net=/proc/${pid}/root/run/netns/${networkNamespace}`
  return {
    arguments: [
      '-t',
      String(pid),
      ...user,
      '--mount',
      '--pid',
      '--ipc',
      network,
      'sh',
      '-c',
      ENTER,
      'sh',
      process.cwd(),
      ...command,
    ],
    env: { ...process.env, PATH: labPath(), KUBECONFIG: kubeconfig },
  }
}

/**
 * Runs a command in a place of the lab on the caller's own terminal, pipes and files.
 * @returns its exit code; 128 and the signal's number when a signal ended it
 * @throws LabError FL_LAB_NOT_RUNNING, FL_LAB_PLACE
 */
export async function execInLab(name: string, place: string, command: readonly string[]): Promise<number> {
  const entry = await enterPlace(name, place, command)
  const child = spawn('nsenter', entry.arguments, { stdio: 'inherit', env: entry.env })
  // nsenter waits outside for the command, which is its child; a signal for us is meant for that one.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      // Ctrl-C reaches the command by itself: it is in the terminal's foreground group, as we are.
      if ((signal === 'SIGINT' || signal === 'SIGQUIT') && process.stdin.isTTY) return
      signalChildren(child.pid ?? 0, signal)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new LabError('FL_LAB_COMMAND', `nsenter: ${error.message}`)))
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
  })
}

/**
 * Runs a command in a place of the lab and returns what it wrote to standard output.
 * @throws LabError FL_LAB_COMMAND with what it wrote to standard error when it fails
 */
export async function captureInLab(name: string, place: string, command: readonly string[]): Promise<string> {
  const entry = await enterPlace(name, place, command)
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', entry.arguments, { stdio: ['ignore', 'pipe', 'pipe'], env: entry.env })
    let output = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    child.once('error', (error) => reject(new LabError('FL_LAB_COMMAND', `nsenter: ${error.message}`)))
    child.once('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new LabError('FL_LAB_COMMAND', `${command[0]}: ${complaint.trim() || `exit code ${code}`}`))
    })
  })
}

/**
 * Starts a command in a place of the lab with pipes for input and output; its errors go to the caller's.
 * @throws LabError FL_LAB_NOT_RUNNING, FL_LAB_PLACE
 */
export async function spawnInLab(
  name: string,
  place: string,
  command: readonly string[],
): Promise<ChildProcess> {
  const entry = await enterPlace(name, place, command)
  return spawn('nsenter', entry.arguments, { stdio: ['pipe', 'pipe', 'inherit'], env: entry.env })
}

function signalChildren(parent: number, signal: NodeJS.Signals): void {
  for (const name of readdirSync(`/proc/${parent}/task`)) {
    const children = readFileSync(`/proc/${parent}/task/${name}/children`, 'utf8')
    for (const child of children.trim().split(' ').filter(Boolean)) process.kill(Number(child), signal)
  }
}

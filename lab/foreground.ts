import { readFileSync } from 'node:fs'
import type { Launched } from './launcher.ts'

/** How a lab in the foreground comes to its end. */
export interface Ending {
  hasBegun(): boolean
  /** resolves when the lab begins to end: Ctrl-C, a signal, or its own death */
  readonly begun: Promise<void>
  /** resolves when nothing is left */
  readonly exitCode: Promise<number>
}

const PARENT_CHECK_MS = 500

/** Ends the lab with this process: on Ctrl-C, on SIGTERM, when the terminal goes, and when npm was killed. */
export function follow(lab: Launched, print: (line: string) => void): Ending {
  let begun = false
  let code = 0
  const { promise: whenBegun, resolve } = Promise.withResolvers<void>()
  const begin = (): void => {
    begun = true
    resolve()
  }
  const end = (line: string): void => {
    if (begun) return
    begin()
    print(line)
    void lab.stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => end('\nTaking the lab down …'))
  }
  // Whoever read our output is gone.
  process.stdout.on('error', () => end(''))
  const parent = setInterval(() => {
    if (npmIsGone()) end('npm ended; taking the lab down …')
  }, PARENT_CHECK_MS)
  const exitCode = lab.ended.then(() => {
    clearInterval(parent)
    if (begun) print('Nothing is left of it.')
    else {
      code = 1
      begin()
      print('The lab ended by itself; nothing is left of it.')
    }
    return code
  })
  return { hasBegun: () => begun, begun: whenBegun, exitCode }
}

const parentOf = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

const shell = process.ppid
const npm = parentOf(shell)

/** npm starts a shell that starts us. When npm is killed the shell stays, and nobody would hear Ctrl-C. */
const npmIsGone = (): boolean =>
  process.env.npm_lifecycle_event !== undefined && (process.ppid !== shell || parentOf(shell) !== npm)

import { readdirSync, readFileSync } from 'node:fs'

const TICK_MS = 10

/** Milliseconds of CPU that a process, its threads and the children it has waited for have used. */
export function cpuMs(pid: number): number {
  let nanoseconds = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
  }
  // The command, second and in brackets, may hold anything; cutime and cstime are fields 16 and 17.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return nanoseconds / 1e6 + (Number(fields[13]) + Number(fields[14])) * TICK_MS
}

/** MiB: resident now, and the most there ever was. */
export function memoryMiB(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: field('VmRSS'), peak: field('VmHWM') }
}

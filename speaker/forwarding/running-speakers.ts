import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/**
 * Whether a process of these arguments is a speaker that forwards: it would put back whatever is taken away.
 * `node --its-flags /app/cli/main.ts speaker …`, or `fairlead speaker …`.
 */
export function isForwardingSpeaker(args: readonly string[]): boolean {
  const command = isFairlead(args[0]) ? 0 : scriptOf(args)
  if (!isFairlead(args[command]) || args[command + 1] !== 'speaker') return false
  const options = args.slice(command + 2)
  return !options.some(
    (arg, at) => arg === '--forwarding=off' || (arg === 'off' && options[at - 1] === '--forwarding'),
  )
}

const isFairlead = (arg = ''): boolean => basename(arg) === 'fairlead' || /(^|\/)cli\/main\.[jt]s$/.test(arg)

/** Where the script stands among the arguments of node: behind its flags, of which a speaker has several. */
const scriptOf = ([program = '', ...rest]: readonly string[]): number =>
  /^node(js)?$/.test(basename(program)) ? 1 + rest.findIndex((arg) => !arg.startsWith('-')) : -1

/**
 * Process ids of the speakers that forward in this process's network namespace, as far as they can be seen: a
 * container sees those of its own pod only, and no process sees those of somebody with more rights.
 */
export function forwardingSpeakers(proc = '/proc'): readonly number[] {
  const here = readlinkSync(`${proc}/self/ns/net`)
  const pids = readdirSync(proc).map(Number).filter(Number.isInteger)
  return pids.filter((pid) => {
    try {
      const args = readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
      return isForwardingSpeaker(args) && readlinkSync(`${proc}/${pid}/ns/net`) === here
    } catch {
      // It has ended meanwhile, or is not ours to look at.
      return false
    }
  })
}

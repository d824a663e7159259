import type { ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, spawnIn, until, type Netns } from '../../test/netns.ts'
import { BirdControl } from './bird-control.ts'

export interface RunningBird {
  readonly child: ChildProcess
  readonly control: BirdControl
}

/** BIRD in a namespace, when it answers. `name` is of its files in the folder. */
export async function startBird(
  ns: Netns,
  folder: string,
  name: string,
  config: string,
): Promise<RunningBird> {
  const place = join(folder, name)
  mkdirSync(place)
  // Without a log it writes to the machine's.
  writeFileSync(join(place, 'bird.conf'), `log "bird.log" { warning, error, fatal };\n${config}`)
  const words = ['-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid']
  const child = spawnIn(ns, 'bird', words, { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] })
  const path = join(place, 'bird.ctl')
  // Its socket is there a moment before anybody listens on it.
  const control = await until('BIRD', () => BirdControl.open(path).catch(() => undefined), 20_000)
  return { child, control }
}

/** GoBGP in a namespace, when it answers. */
export async function startGobgp(ns: Netns, folder: string, config: string): Promise<ChildProcess> {
  const file = join(folder, 'gobgpd.toml')
  writeFileSync(file, config)
  const log = openSync(join(folder, 'gobgpd.log'), 'w')
  const child = spawnIn(ns, 'gobgpd', ['-f', file, '--api-hosts', '127.0.0.1:50051', '--pprof-disable'], {
    stdio: ['ignore', log, log],
  })
  await until('GoBGP', async () => (await run(ns, 'gobgp', ['neighbor'])).code === 0, 20_000)
  return child
}

/** Resident memory in MB. */
export function residentMemory({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

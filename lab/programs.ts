import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { LabError } from './errors.ts'
import type { LabOptions, RouterKind } from './options.ts'

/** Programs of the system and the Debian packages that have them. */
const ALWAYS = {
  ip: 'iproute2',
  bridge: 'iproute2',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  mount: 'mount',
} as const

const ROUTERS: Readonly<Record<RouterKind, Readonly<Record<string, string>>>> = {
  bird: { bird: 'bird2', birdc: 'bird2' },
  frr: { 'frr/zebra': 'frr', 'frr/bgpd': 'frr', vtysh: 'frr' },
  gobgp: { gobgpd: 'gobgpd', gobgp: 'gobgpd' },
  none: {},
}

/** System programs are looked for here too: an ordinary user's PATH often lacks the sbin directories. */
const SYSTEM_PATH = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/lib',
]

/** PATH for everything that runs in the lab. */
export const labPath = (): string => {
  const given = (process.env.PATH ?? '').split(':').filter(Boolean)
  return [...new Set([...given, ...SYSTEM_PATH.slice(0, -1)])].join(':')
}

/** The full path of a program, undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  for (const directory of [...labPath().split(':'), '/usr/lib']) {
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this one.
    }
  }
  return undefined
}

/** @throws LabError FL_LAB_MISSING_PROGRAM, naming what to install, or FL_LAB_NOT_PERMITTED */
export function requirePrograms(options: LabOptions): void {
  if (options.router === 'frr' && process.getuid?.() !== 0) {
    throw new LabError(
      'FL_LAB_NOT_PERMITTED',
      'FRR changes its groups, which only root may: use --router bird',
    )
  }
  const wanted: Record<string, string> = { ...ALWAYS, ...ROUTERS[options.router] }
  if (options.speakers && options.forwarding === 'full') wanted.nft = 'nftables'
  const missing = Object.entries(wanted).filter(([name]) => findProgram(name) === undefined)
  if (missing.length === 0) return
  const names = missing.map(([name]) => name.split('/').at(-1)).join(', ')
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ')
  throw new LabError(
    'FL_LAB_MISSING_PROGRAM',
    `the lab needs ${names}, not installed here: apt-get install ${packages}` +
      (ROUTERS[options.router][missing[0][0]] ? ' (or choose another --router)' : ''),
  )
}

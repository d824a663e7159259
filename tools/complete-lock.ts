/**
 * Run after `npm install` has changed the lock file. A registry mirror that lacks a package for some other platform
 * makes npm leave that optional dependency out of the lock, and `npm ci` then refuses the lock as incomplete. This
 * writes the missing entries: never installed here, because their os and cpu do not match, and complete for everybody.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version?: string
  optional?: boolean
  os?: string[]
  cpu?: string[]
  optionalDependencies?: Record<string, string>
}

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> }
const systems = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const processors = [
  'arm64',
  'arm',
  'x64',
  'ia32',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
]

let added = 0
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`]?.version !== undefined) continue
    const os = systems.filter((system) => name.includes(system))
    const cpu = processors.filter((processor) => name.includes(processor)).slice(0, 1)
    if (!/^\d/.test(version) || os.length + cpu.length === 0) continue
    lock.packages[`node_modules/${name}`] = {
      version,
      optional: true,
      ...(cpu.length > 0 ? { cpu } : {}),
      ...(os.length > 0 ? { os } : {}),
    }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`added ${added} entries for other platforms`)

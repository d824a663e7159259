import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cleanup } from '../../../test/netns.ts'
import { lookForEscapes } from './escapes.ts'
import { buildNetwork } from './network.ts'

/**
 * `node speaker/forwarding/cases/escapes-main.ts --seconds 60 [--no-guard] [--load 2] [--upgrade-every 500]
 * [--services 200] [--concurrency 6]`: prints a JSON line of what it found. Runs in namespaces of its own, as root;
 * `--load` keeps so many processors busy besides. Ends with 1 when a connection failed or escaped.
 */

const { values } = parseArgs({
  allowNegative: true,
  options: {
    seconds: { type: 'string', default: '60' },
    services: { type: 'string', default: '200' },
    concurrency: { type: 'string', default: '6' },
    'upgrade-every': { type: 'string', default: '500' },
    load: { type: 'string', default: '0' },
    guard: { type: 'boolean', default: true },
  },
})

const INSIDE = 'FAIRLEAD_ESCAPES_NAMESPACE'

async function again(): Promise<void> {
  const inside = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"'
  const program = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  const child = spawn('unshare', ['--net', '--mount', 'sh', '-c', inside, 'sh', ...program], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1', FAIRLEAD_TEST_NAMESPACE: '1' },
  })
  const [code] = (await once(child, 'close')) as [number | null]
  process.exitCode = code ?? 1
}

async function main(): Promise<void> {
  const load = Array.from({ length: Number(values.load) }, () => spawn('sh', ['-c', 'while :; do :; done']))
  const network = await buildNetwork('escapes', [])
  try {
    const figures = await lookForEscapes({
      network,
      services: Number(values.services),
      seconds: Number(values.seconds),
      guard: values.guard,
      upgradeEvery: Number(values['upgrade-every']),
      concurrency: Number(values.concurrency),
      seed: Math.floor(Math.random() * 2 ** 31),
    })
    console.log(JSON.stringify({ guard: values.guard, load: load.length, ...figures }))
    if (figures.failed > 0 || figures.left > 0 || figures.pinned.length > 0) process.exitCode = 1
  } finally {
    for (const child of load) child.kill('SIGKILL')
    network.close()
    await cleanup()
  }
}

if (process.env[INSIDE] === '1') await main()
else await again()

/**
 * `npm test`: runs every tier that this machine can run, and ends by naming those it could not and why.
 * `node tools/test.ts kernel cluster` runs some tiers only. With CI=true a tier that cannot run is a failure.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

interface Tier {
  readonly name: string
  readonly what: string
  /** why it cannot run here, '' when it can */
  unable(): string | Promise<string>
  run(): Outcome
}

interface Outcome {
  readonly passed: number
  readonly failed: number
  /** what failed and how, a text each: said again at the end, where the output of thousands of tests does not hide it */
  readonly failures: readonly string[]
}

/** The part of vitest's JSON report (Jest's format) that is read. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

const scratch = mkdtempSync(join(tmpdir(), 'fairlead-test-'))
const path = [
  join(import.meta.dirname, '../node_modules/.bin'),
  process.env.PATH,
  '/usr/sbin:/sbin',
  // where Go's own instructions put it
  '/usr/local/go/bin',
].join(':')
const root = process.getuid?.() === 0

const tiers: Tier[] = [
  {
    name: 'static',
    what: 'types, import arrows and lint, format, dead code',
    unable: () => '',
    run: () => {
      const steps = ['typecheck', 'lint', 'format:check', 'knip']
      const failed = steps.filter((step) => command('npm', ['run', '--silent', step]) !== 0)
      const failures = failed.map((step) => `npm run ${step}`)
      return { passed: steps.length - failed.length, failed: failed.length, failures }
    },
  },
  {
    name: 'unit',
    what: 'cores, codecs and fakes',
    unable: () => '',
    run: () => vitest('unit', []),
  },
  {
    name: 'kernel',
    what: 'raw sockets, nftables and live routers in network namespaces',
    unable: namespacesMissing,
    run: () => vitest('kernel', privateNamespaces()),
  },
  {
    name: 'cluster',
    what: 'the lab end to end: packets from a client, faults',
    unable: () => namespacesMissing() || kubectlMissing(),
    run: () => vitest('cluster', []),
  },
  {
    name: 'kubernetes',
    what: 'a real API server, etcd and kubectl, built with Go',
    unable: async () => namespacesMissing() || (await kubernetesBuild),
    run: () => vitest('kubernetes', privateNamespaces(CABLE)),
  },
]

/** What a speaker announces on, and an address that is not of loopback: EndpointSlices take no other. */
const CABLE = [
  'ip link add lan0 type veth peer name lan1',
  'ip link set lan0 up',
  'ip link set lan1 up',
  'ip address add 198.18.0.1/24 dev lan0',
].join(' && ')

/**
 * Namespaces that die with the tests: what a test makes is never the host's and never left behind.
 * @param setUp what to run in them first
 */
function privateNamespaces(setUp = 'true'): [string, ...string[]] {
  return [
    'unshare',
    ...(root ? [] : ['--user', '--map-root-user']),
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    'sh',
    '-c',
    `mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && ${setUp} && exec "$@"`,
    'sh',
  ]
}

function namespacesMissing(): string {
  const [program, ...rest] = privateNamespaces()
  const attempt = spawnSync(program, [...rest, 'true'], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  })
  return attempt.status === 0
    ? ''
    : `no namespaces of its own: ${attempt.stderr.trim() || attempt.error?.message}`
}

/** No package of Debian's has a kubectl that is new enough, so set-up cannot bring it. */
function kubectlMissing(): string {
  const { error } = spawnSync('kubectl', ['version', '--client'], { env: { ...process.env, PATH: path } })
  return error === undefined ? '' : 'kubectl (1.27 or newer) is not on the PATH'
}

/**
 * Begins to build the programs of Kubernetes, which takes minutes the first time, while other tiers run: much of
 * theirs is waiting. Resolves with why it was not possible, '' when they are there.
 */
function buildKubernetes(): Promise<string> {
  const log = join(scratch, 'build-kubernetes.log')
  const output = openSync(log, 'w')
  const script = join(import.meta.dirname, 'build-kubernetes.ts')
  const child = spawn(process.execPath, [script], {
    stdio: ['ignore', output, output],
    env: { ...process.env, PATH: path },
  })
  closeSync(output)
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code) => resolve(code === 0 ? '' : readFileSync(log, 'utf8').trim()))
  })
}

function command(program: string, args: readonly string[]): number {
  const env = { ...process.env, PATH: path, FAIRLEAD_TEST_NAMESPACE: '1' }
  return spawnSync(program, args, { stdio: 'inherit', env }).status ?? 1
}

function vitest(project: string, wrapper: readonly string[]): Outcome {
  const output = join(scratch, `${project}.json`)
  const args = [
    'run',
    '--project',
    project,
    // Each test of a tier with packets is named; thousands of unit tests only when they fail.
    `--reporter=${project === 'unit' ? 'default' : 'verbose'}`,
    '--reporter=json',
    `--outputFile.json=${output}`,
  ]
  const [program, ...rest] = [...wrapper, 'vitest', ...args]
  const status = command(program, rest)
  try {
    const report = JSON.parse(readFileSync(output, 'utf8')) as Report
    const failures = failuresOf(report)
    // An error outside of every test fails the run without failing a test.
    if (status !== 0 && failures.length === 0)
      failures.push(`vitest ended with ${status}; see its output above`)
    return { passed: report.numPassedTests, failed: failures.length, failures }
  } catch (error) {
    return {
      passed: 0,
      failed: 1,
      failures: [`no report of vitest, which ended with ${status}: ${String(error)}`],
    }
  }
}

/** Each failed test, and each file that failed without one: it could not be loaded. */
function failuresOf(report: Report): string[] {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name)
    const tests = assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => `${file} > ${test.fullName}\n${excerpt(test.failureMessages?.join('\n') ?? '')}`)
    return tests.length > 0 || status === 'passed' ? tests : [`${file}\n${excerpt(message)}`]
  })
}

/** The beginning of a failure: what was expected, and a property's seed; its whole is in the output above. */
function excerpt(message: string): string {
  const lines = stripVTControlCharacters(message).split('\n').slice(0, 30)
  return lines.map((line) => `    ${line.slice(0, 300)}`).join('\n')
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !tiers.some((tier) => tier.name === name))
if (unknown.length > 0) {
  console.error(`no such tier: ${unknown.join(', ')}; there are ${tiers.map((tier) => tier.name).join(', ')}`)
  process.exit(2)
}

const chosen = tiers.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
const kubernetesBuild = chosen.some(({ name }) => name === 'kubernetes') ? buildKubernetes() : ''

const lines: string[] = []
const failures: string[] = []
let passed = 0
let failed = 0
for (const tier of chosen) {
  const unable = await tier.unable()
  if (unable !== '') {
    lines.push(`${tier.name}: not run (${tier.what}): ${unable}`)
    if (process.env.CI === 'true') failed++
    continue
  }
  console.log(`\n== ${tier.name}: ${tier.what}`)
  const started = performance.now()
  const result = tier.run()
  passed += result.passed
  failed += result.failed
  failures.push(...result.failures.map((failure) => `${tier.name}: FAILED ${failure}`))
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  lines.push(`${tier.name}: ${result.passed} passed, ${result.failed} failed in ${seconds} s`)
}
rmSync(scratch, { recursive: true, force: true })
if (failures.length > 0) console.log(`\n${failures.join('\n')}`)
console.log(`\n${lines.join('\n')}\ntotal: ${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

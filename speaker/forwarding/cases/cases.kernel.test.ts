import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyOf } from '#kube/api.ts'
import { cleanup, run } from '../../../test/netns.ts'
import {
  configOf,
  familiesOf,
  flowIn,
  nodeAddresses,
  nodeOf,
  objectsOf,
  six,
  titleOf,
  transportsOf,
} from './cluster.ts'
import { openForwarder, openPlane } from './kernel.ts'
import { buildNetwork, CONTROL, type Network } from './network.ts'
import { NODE, NODE_OTHER, one, type Flow, type Scene } from './scene.ts'
import { table } from './table.ts'

/** Each row as packets through the kernel; `cases.test.ts` has the same rows without one. */

let network: Network

beforeAll(async () => {
  network = await buildNetwork('cases', table)
  return () => network.close()
})

afterAll(cleanup)

/** Nobody can be reached at it, which the sender hears at once. */
const control = one(
  'control',
  { clusterIPs: ['172.30.99.99'], ports: [{ port: CONTROL.port }], externalIPs: [CONTROL.host] },
  [],
)

/** Programs a scene over whatever the one before left behind, as after a restart with other objects. */
async function program(scene: Scene): Promise<void> {
  await network.arrange(scene)
  const config = configOf(scene)
  const forwarder = openForwarder(openPlane(network.node, config), config, nodeOf(scene))
  const services = [...objectsOf(scene), ...objectsOf({ ...scene, transports: 'all', services: [control] })]
  for (const { service, slices } of services) forwarder.setService(keyOf(service), service, slices)
  forwarder.allListed()
  await forwarder.sync()
  const { lastError } = forwarder.view()
  await forwarder.stop()
  expect(lastError).toBeUndefined()
  // A flow that conntrack remembers would go where it went in the scene before.
  await run(network.node, 'conntrack', ['-F'])
}

const isNode = (address: string): boolean =>
  [NODE, NODE_OTHER].some((one) => one === address || six(one) === address)

/** So many that a member of the set is missed less than once in 10^9 times; a few more for a set of one. */
const tries = (endpoints: number): number =>
  endpoints === 1 ? 10 : Math.ceil(Math.log(1e-9 / endpoints) / Math.log(1 - 1 / endpoints))

const triesFor = (expected: string): number => {
  if (!/\d[.:]\d/.test(expected)) return 3
  return tries(expected.split(', ').length)
}

async function probe(flow: Flow, count: number, quiet: boolean): Promise<readonly string[] | undefined> {
  const { from, to, port, protocol } = flow
  const at = from.includes(':') ? { ...CONTROL, host: six(CONTROL.host) } : CONTROL
  if (protocol === 'SCTP') {
    const place = network.sctpPlaceOf(from)
    // Nobody on the node itself takes or makes SCTP.
    if (place === undefined || (flow.expected === 'untouched' && isNode(to))) return undefined
    return quiet
      ? network.sctp.silent(place, from, to, port, at, count)
      : network.sctp.ask(place, from, to, port, count)
  }
  const target = { protocol: protocol as 'TCP' | 'UDP', host: to, port, from }
  const agent = network.agentOf(from)
  return quiet ? agent.silent(target, at, count) : agent.ask(target, count)
}

/** In the words of the table. */
async function outcomeOf(scene: Scene, flow: Flow): Promise<string | undefined> {
  const quiet = flow.expected === 'drop'
  const results = await probe(flow, triesFor(flow.expected), quiet)
  return results && [...new Set(results.map((result) => inWords(scene, flow, result)))].sort().join(', ')
}

function inWords(scene: Scene, flow: Flow, result: string): string {
  if (result === 'silence') return 'drop'
  if (result === 'ECONNREFUSED') return 'reject'
  const [place, endpoint, source, ...more] = result.split(' ')
  if (place === 'node' || place === 'beyond') return 'untouched'
  if (more.length > 0 || source === undefined) return result
  if (source === flow.from) return placed(scene, place, endpoint)
  // An address of the node that the client could not have had.
  if (nodeAddresses(scene).includes(source)) return `${placed(scene, place, endpoint)} m`
  return `${endpoint} from ${source}`
}

/** The endpoint, and where it was met when that is not where it is. */
function placed(scene: Scene, place: string, endpoint: string): string {
  const address = endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/[[\]]/g, '')
  const nodes = scene.services.flatMap(({ slices }) =>
    slices.flatMap(({ endpoints }) =>
      endpoints.flatMap((one) => {
        const known = typeof one === 'string' ? { address: one } : one
        return known.address === address || six(known.address) === address ? [known.node ?? ''] : []
      }),
    ),
  )
  return nodes.some((node) => (node === 'node-1') === (place === 'here'))
    ? endpoint
    : `${endpoint} (${place})`
}

/** What answers a ping is told by its distance. */
async function pinged(flow: Flow): Promise<string> {
  const ns = { pods: network.pods, outside: network.outside, node: network.node }[
    flow.from.includes('203') ? 'outside' : flow.from.includes('192') ? 'node' : 'pods'
  ]
  const options = ['-n', '-c', '1', '-W', flow.expected === 'drop' ? '0.2' : '2', '-I', flow.from]
  const { stdout } = await run(ns, 'ping', [...options, flow.to])
  const ttl = /ttl=(\d+)/.exec(stdout)?.[1]
  if (ttl === undefined) return / 0 received/.test(stdout) ? 'drop' : stdout
  return ttl === '64' ? 'answer' : 'untouched'
}

describe.each(table.map((scene) => [`${scene.group} ${scene.title}`, scene] as const))('%s', (_, scene) => {
  beforeAll(() => program(scene))
  for (const row of scene.flows) {
    test(titleOf(scene, row), async () => {
      for (const family of familiesOf(scene)) {
        for (const protocol of transportsOf(scene, row)) {
          const flow = flowIn(row, family, protocol)
          const outcome = protocol === 'ICMP' ? await pinged(flow) : await outcomeOf(scene, flow)
          if (outcome !== undefined) expect(outcome, `${protocol}, IPv${family}`).toBe(flow.expected)
        }
      }
    })
  }
})

import type { Family } from '#inet/address.ts'
import type { LabInfo } from '../info.ts'
import type { Question } from '../requests/messages.ts'

/** The addresses and ports that the cluster gave to what is in `manifest.yaml`, of one family. */
export interface Given {
  readonly family: Family
  readonly info: LabInfo
  readonly pod: (name: string) => string
  readonly clusterIP: (service: string) => string
  readonly vip: (service: string) => string
  readonly externalIP: (service: string) => string
  readonly nodePort: (service: string, port?: string) => number
  readonly healthCheckNodePort: (service: string) => number
}

export interface Case {
  readonly service: string
  /** client, router, node/NAME, pod/NAMESPACE/NAME */
  readonly from: string
  /** what is asked, in words */
  readonly at: string
  readonly question: Question
  readonly wanted: Wanted
}

/** What must be met by a handful of requests. */
export type Wanted =
  /** exactly these pods answer, each at least once, and each saw one of these source addresses */
  | { readonly pods: readonly string[]; readonly sources: readonly string[] }
  /** one of these pods answers every request */
  | { readonly oneOf: readonly string[]; readonly sources: readonly string[] }
  | { readonly error: 'ECONNREFUSED' | 'timeout' }
  | { readonly status: number }

const BOTH = ['one', 'two']
const REFUSED = { error: 'ECONNREFUSED' } as const
const SILENCE = { error: 'timeout' } as const
const ASKER = 'pod/default/asker'
const ONE = 'pod/default/one'
const NODES = ['node1', 'node2', 'node3'] as const

/** Every question of the session for one family. */
export function sessionCases(given: Given): Case[] {
  const lan = lanAddresses(given)
  return [
    ...clusterIPs(given, lan),
    ...policies(given, lan),
    ...nodePorts(given, lan),
    ...loadBalancers(given, lan),
  ]
}

type Lan = (machine: string) => string

function lanAddresses({ family, info }: Given): Lan {
  const { client, router, nodes } = info
  const all = [{ name: 'client', ...client }, { name: 'router', ...router }, ...nodes]
  return (machine) => all.find(({ name }) => name === machine)?.addresses[family === 4 ? 0 : 1] ?? ''
}

function clusterIPs(given: Given, lan: Lan): Case[] {
  const asker = given.pod('asker')
  const at = (service: string, from: string, wanted: Wanted, question: Partial<Question> = {}): Case => ({
    service,
    from,
    at: 'ClusterIP',
    question: { to: given.clusterIP(service), port: 80, ...question },
    wanted,
  })
  const seenBy = (pods: readonly string[], ...sources: string[]) => ({ pods, sources })
  return [
    at('cluster-ip', ASKER, seenBy(BOTH, asker)),
    at('cluster-ip', 'node/node1', seenBy(BOTH, lan('node1'))),
    at('cluster-ip', ASKER, seenBy(BOTH, asker), { port: 81 }),
    at('cluster-ip', ASKER, seenBy(BOTH, asker), { port: 53, protocol: 'udp' }),
    at('cluster-ip', 'node/node3', seenBy(BOTH, lan('node3')), { port: 53, protocol: 'udp' }),
    at('cluster-ip', ASKER, REFUSED, { port: 82 }),
    at('hairpin', ONE, seenBy(['one'], lan('node1'))),
    at('host-network', ASKER, seenBy(['host'], asker)),
    at('host-network', 'node/node2', seenBy(['host'], lan('node2'))),
    at('affine', ASKER, { oneOf: BOTH, sources: [asker] }),
    at('affine', 'node/node2', { oneOf: BOTH, sources: [lan('node2')] }),
    at('empty', ASKER, REFUSED),
    at('empty', 'node/node1', REFUSED),
    at('published', ASKER, seenBy(['unready'], asker)),
  ]
}

function policies(given: Given, lan: Lan): Case[] {
  const { clusterIP, pod } = given
  const at = (service: string, from: string, wanted: Wanted): Case => ({
    service,
    from,
    at: 'ClusterIP',
    question: { to: clusterIP(service), port: 80 },
    wanted,
  })
  const alone = (name: string, source: string) => ({ pods: [name], sources: [source] })
  return [
    at('internal-local', 'node/node1', alone('one', lan('node1'))),
    at('internal-local', 'node/node2', alone('two', lan('node2'))),
    at('internal-local', 'node/node3', SILENCE),
    at('internal-local', ASKER, SILENCE),
    at('internal-local', ONE, alone('one', lan('node1'))),
    at('same-node', 'node/node1', alone('one', lan('node1'))),
    at('same-node', 'pod/default/two', alone('two', lan('node2'))),
    // node3 has none; node1 is in its zone.
    at('same-node', ASKER, alone('one', pod('asker'))),
  ]
}

function nodePorts(given: Given, lan: Lan): Case[] {
  const at = (
    service: string,
    from: string,
    node: string,
    wanted: Wanted,
    protocol: 'tcp' | 'udp' = 'tcp',
  ): Case => ({
    service,
    from,
    at: `NodePort of ${node}`,
    question: { to: lan(node), port: given.nodePort(service, protocol), protocol },
    wanted,
  })
  const through = (node: string) => ({ pods: BOTH, sources: [lan(node)] })
  const client = lan('client')
  return [
    ...NODES.flatMap((node) => [
      at('node-port', 'client', node, through(node)),
      at('node-port', 'client', node, through(node), 'udp'),
      at('empty', 'client', node, REFUSED),
    ]),
    at('node-port', ASKER, 'node3', through('node3')),
    at('node-port', ASKER, 'node1', through('node1')),
    at('node-port', 'node/node1', 'node1', through('node1')),
    at('node-port', 'node/node1', 'node2', through('node2')),
    at('node-port-local', 'client', 'node1', { pods: ['one'], sources: [client] }),
    at('node-port-local', 'client', 'node2', { pods: ['two'], sources: [client] }),
    at('node-port-local', 'client', 'node3', SILENCE),
    at('node-port-local', ASKER, 'node3', { pods: BOTH, sources: [given.pod('asker')] }),
    at('node-port-local', 'node/node3', 'node3', through('node3')),
    at('node-port-local', 'node/node3', 'node2', { pods: ['two'], sources: [lan('node3')] }),
  ]
}

function loadBalancers(given: Given, lan: Lan): Case[] {
  const to = (service: string, from: string, wanted: Wanted, question: Partial<Question> = {}): Case => ({
    service,
    from,
    at: service === 'external-ip' ? 'external address' : 'load balancer address',
    question: {
      to: service === 'external-ip' ? given.externalIP(service) : given.vip(service),
      port: 80,
      ...question,
    },
    wanted,
  })
  const asker = given.pod('asker')
  const client = lan('client')
  const everyNode = { pods: BOTH, sources: NODES.map(lan) }
  const own = (node: string) => ({ pods: BOTH, sources: [lan(node)] })
  const weight = (node: string, status: number): Case => ({
    service: 'balanced-local',
    from: 'client',
    at: `health check port of ${node}`,
    question: { to: lan(node), port: given.healthCheckNodePort('balanced-local') },
    wanted: { status },
  })
  return [
    to('external-ip', 'client', own('node3')),
    to('external-ip', ASKER, own('node3')),
    to('external-ip', 'node/node1', own('node1')),
    to('balanced', 'client', everyNode),
    to('balanced', 'client', everyNode, { port: 53, protocol: 'udp' }),
    to('balanced', 'router', everyNode),
    to('balanced', ASKER, own('node3')),
    to('balanced', 'node/node2', own('node2')),
    to('balanced-local', 'client', { oneOf: BOTH, sources: [client] }),
    to('balanced-local', ASKER, { pods: BOTH, sources: [asker] }),
    to('balanced-local', 'node/node3', own('node3')),
    weight('node1', 200),
    weight('node2', 200),
    weight('node3', 503),
    to('ranges', 'client', everyNode),
    to('ranges', 'router', SILENCE),
    to('ranges', ASKER, SILENCE),
    to('ranges', 'node/node1', SILENCE),
  ]
}

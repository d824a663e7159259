import { LabError } from './errors.ts'
import type { Nodes } from './cluster/nodes.ts'
import type { ManagedProcess } from './managed-process.ts'
import { ROUTER } from './network/addressing.ts'
import type { Links } from './network/links.ts'

/** Each fault with what it does and what it is about: a node, several, a replica of the controller, or neither. */
export const FAULTS = {
  'crash-speaker': { on: 'node', does: 'SIGKILL to the speaker; it starts again after 10 s' },
  'stop-speaker': { on: 'node', does: 'SIGTERM to the speaker; it stays stopped' },
  'start-speaker': { on: 'node', does: 'starts a stopped speaker, or a crashed one at once' },
  'freeze-speaker': { on: 'node', does: 'SIGSTOP to the speaker' },
  'thaw-speaker': { on: 'node', does: 'SIGCONT to the speaker' },
  'link-down': { on: 'node', does: 'the node loses the link to the LAN, and so the API server' },
  'link-up': { on: 'node', does: 'ends link-down' },
  partition: { on: 'node', does: 'the switch drops the frames of the node; its link stays up' },
  heal: { on: 'node', does: 'ends partition' },
  split: {
    on: 'nodes',
    does: 'the LAN falls in two: these nodes (node1,node2) and the router on one side, everybody else on the other',
  },
  join: { on: '', does: 'ends split' },
  'crash-node': { on: 'node', does: 'the node is gone: speaker, pods, link and heartbeat' },
  'start-node': { on: 'node', does: 'ends crash-node' },
  'crash-controller': {
    on: 'controller',
    does: 'SIGKILL to the replica; it starts again after 20 s, when its Lease has run out',
  },
  'stop-controller': { on: 'controller', does: 'SIGTERM to the replica; it stays stopped' },
  'start-controller': { on: 'controller', does: 'starts a stopped replica, or a crashed one at once' },
  'freeze-controller': { on: 'controller', does: 'SIGSTOP to the replica' },
  'thaw-controller': { on: 'controller', does: 'SIGCONT to the replica' },
  'api-outage': { on: '', does: 'the API server answers nobody' },
  'api-back': { on: '', does: 'ends api-outage' },
} as const satisfies Record<string, { on: 'node' | 'nodes' | 'controller' | ''; does: string }>

export type FaultKind = keyof typeof FAULTS

export interface FaultTargets {
  readonly nodes: Nodes
  readonly links: Links
  readonly speakers: ReadonlyMap<string, ManagedProcess>
  readonly controllers: ReadonlyMap<string, ManagedProcess>
  /** nodes whose pods are told when the node goes or comes */
  readonly podsOf: (node: string) => Promise<void>
  readonly outage: (on: boolean) => void
}

const RESTART_MS = 10_000
const CONTROLLER_RESTART_MS = 20_000

/**
 * Does something to the lab that goes wrong in real clusters.
 * @returns a sentence that says what was done
 * @throws LabError FL_LAB_FAULT
 */
export async function injectFault(
  targets: FaultTargets,
  kind: FaultKind,
  target: string | undefined,
): Promise<string> {
  if (kind === 'api-outage' || kind === 'api-back') {
    targets.outage(kind === 'api-outage')
    return kind === 'api-outage' ? 'the API server answers nobody' : 'the API server answers again'
  }
  if (!Object.hasOwn(FAULTS, kind)) throw new LabError('FL_LAB_FAULT', `unknown fault ${String(kind)}`)
  if (kind === 'join') return join(targets)
  const { on, does } = FAULTS[kind]
  if (target === undefined) throw new LabError('FL_LAB_FAULT', `${kind} needs the name of a ${on}`)
  if (kind === 'split') return split(targets, target.split(','))
  const known = on === 'node' ? targets.speakers : targets.controllers
  if (!known.has(target)) throw new LabError('FL_LAB_FAULT', `there is no ${on} ${target}`)
  if (isOnController(kind)) await injectOnController(targets, kind, target)
  else await injectOnNode(targets, kind, target)
  return `${kind} ${target}: ${does}`
}

/** Nodes on the router's side lose the API server, which is on the other. */
async function split({ nodes, links, speakers }: FaultTargets, side: readonly string[]): Promise<string> {
  const unknown = side.find((name) => !speakers.has(name))
  if (unknown !== undefined) throw new LabError('FL_LAB_FAULT', `there is no node ${unknown}`)
  await links.split([...side, ROUTER.name])
  for (const name of side) nodes.set(name, { joined: false })
  return `split: the router and ${side.join(', ')} hear nobody of the others`
}

async function join({ nodes, links }: FaultTargets): Promise<string> {
  const side = await links.join()
  for (const name of side) nodes.set(name, { joined: true })
  return 'join: the LAN is one again'
}

type ControllerFault = Extract<FaultKind, `${string}-controller`>
type NodeFault = Exclude<FaultKind, ControllerFault | 'api-outage' | 'api-back' | 'split' | 'join'>

const isOnController = (kind: ControllerFault | NodeFault): kind is ControllerFault =>
  FAULTS[kind].on === 'controller'

async function injectOnController(
  { controllers }: FaultTargets,
  kind: ControllerFault,
  name: string,
): Promise<void> {
  const replica = controllers.get(name) as ManagedProcess
  if (kind === 'start-controller') return replica.start()
  if (replica.pid === undefined) throw new LabError('FL_LAB_FAULT', `${name} does not run`)
  if (kind === 'crash-controller') return replica.crash(CONTROLLER_RESTART_MS)
  if (kind === 'stop-controller') return replica.stop()
  replica.signal(kind === 'freeze-controller' ? 'SIGSTOP' : 'SIGCONT')
}

async function injectOnNode(targets: FaultTargets, kind: NodeFault, node: string): Promise<void> {
  const { nodes, links } = targets
  const speaker = targets.speakers.get(node)
  switch (kind) {
    case 'crash-speaker':
      return running(speaker, node).crash(RESTART_MS)
    case 'stop-speaker':
      return speaker?.stop()
    case 'start-speaker':
      return speaker?.start()
    case 'freeze-speaker':
      return void running(speaker, node).signal('SIGSTOP')
    case 'thaw-speaker':
      return void running(speaker, node).signal('SIGCONT')
    case 'link-down':
    case 'link-up':
      await links.setUp(node, kind === 'link-up')
      return nodes.set(node, { linked: kind === 'link-up' })
    case 'partition':
    case 'heal':
      await links.setJoined(node, kind === 'heal')
      return nodes.set(node, { joined: kind === 'heal' })
    case 'crash-node':
      nodes.set(node, { running: false })
      await Promise.all([links.setUp(node, false), speaker?.crash(), targets.podsOf(node)])
      return
    case 'start-node':
      await links.setUp(node, true)
      nodes.set(node, { running: true, linked: true })
      await targets.podsOf(node)
      return speaker?.start()
  }
}

function running(speaker: ManagedProcess | undefined, node: string): ManagedProcess {
  if (speaker?.pid === undefined) throw new LabError('FL_LAB_FAULT', `no speaker runs on ${node}`)
  return speaker
}

import { LabError } from './errors.ts'
import type { Nodes } from './cluster/nodes.ts'
import type { ManagedProcess } from './managed-process.ts'
import type { Links } from './network/links.ts'

/** Each fault with what it does; those with `node` name one. */
export const FAULTS = {
  'crash-speaker': { node: true, does: 'SIGKILL to the speaker; it starts again after 10 s' },
  'stop-speaker': { node: true, does: 'SIGTERM to the speaker; it stays stopped' },
  'start-speaker': { node: true, does: 'starts a stopped speaker, or a crashed one at once' },
  'freeze-speaker': { node: true, does: 'SIGSTOP to the speaker' },
  'thaw-speaker': { node: true, does: 'SIGCONT to the speaker' },
  'link-down': { node: true, does: 'the node loses the link to the LAN, and so the API server' },
  'link-up': { node: true, does: 'ends link-down' },
  partition: { node: true, does: 'the switch drops the frames of the node; its link stays up' },
  heal: { node: true, does: 'ends partition' },
  'crash-node': { node: true, does: 'the node is gone: speaker, pods, link and heartbeat' },
  'start-node': { node: true, does: 'ends crash-node' },
  'api-outage': { node: false, does: 'the API server answers nobody' },
  'api-back': { node: false, does: 'ends api-outage' },
} as const satisfies Record<string, { node: boolean; does: string }>

export type FaultKind = keyof typeof FAULTS

export interface FaultTargets {
  readonly nodes: Nodes
  readonly links: Links
  readonly speakers: ReadonlyMap<string, ManagedProcess>
  /** nodes whose pods are told when the node goes or comes */
  readonly podsOf: (node: string) => Promise<void>
  readonly outage: (on: boolean) => void
}

const RESTART_MS = 10_000

/**
 * Does something to the lab that goes wrong in real clusters.
 * @returns a sentence that says what was done
 * @throws LabError FL_LAB_FAULT
 */
export async function injectFault(
  targets: FaultTargets,
  kind: FaultKind,
  node: string | undefined,
): Promise<string> {
  if (kind === 'api-outage' || kind === 'api-back') {
    targets.outage(kind === 'api-outage')
    return kind === 'api-outage' ? 'the API server answers nobody' : 'the API server answers again'
  }
  if (!Object.hasOwn(FAULTS, kind)) throw new LabError('FL_LAB_FAULT', `unknown fault ${String(kind)}`)
  if (node === undefined) throw new LabError('FL_LAB_FAULT', `${kind} needs the name of a node`)
  if (!targets.speakers.has(node)) throw new LabError('FL_LAB_FAULT', `there is no node ${node}`)
  await injectOnNode(targets, kind, node)
  return `${kind} ${node}: ${FAULTS[kind].does}`
}

type NodeFault = Exclude<FaultKind, 'api-outage' | 'api-back'>

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

import { writeFileSync } from 'node:fs'
import type { Family } from '#inet/address.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { LabError, messageOf } from '../errors.ts'
import { CLIENT, ROUTER, type NodeHost } from './addressing.ts'
import { clientBatch, namespaceBatch, nodeBatch, routerBatch, switchBatch } from './batches.ts'
import { runBatch } from './run-batch.ts'
import { SYSCTLS, type MachineKind } from './sysctl.ts'

export const namespacePath = (name: string): string => `/run/netns/${name}`

/**
 * Builds the LAN: a namespace for each machine, the switch, the cables, addresses and routes.
 * @throws LabError FL_LAB_COMMAND
 */
export async function buildNetwork(nodes: readonly NodeHost[], families: readonly Family[]): Promise<void> {
  await runBatch(namespaceBatch(nodes))
  writeSettings('switch')
  settle(CLIENT.name, 'client')
  settle(ROUTER.name, 'router')
  for (const node of nodes) settle(node.name, 'node')
  await runBatch(switchBatch(nodes, families))
  const batches = [clientBatch(), routerBatch(nodes, families)]
  await Promise.all([...batches, ...nodes.map((node) => nodeBatch(node, nodes, families))].map(runBatch))
}

const settle = (namespace: string, kind: MachineKind): void =>
  inNetworkNamespace(namespacePath(namespace), () => writeSettings(kind))

/** Of the namespace that the calling thread is in: /proc/sys/net shows that one. */
function writeSettings(kind: MachineKind): void {
  for (const [name, value] of Object.entries(SYSCTLS[kind])) {
    try {
      writeFileSync(`/proc/sys/net/${name}`, String(value))
    } catch (error) {
      // A kernel without bridge filtering has no settings for it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      throw new LabError('FL_LAB_COMMAND', `cannot set net/${name}: ${messageOf(error)}`)
    }
  }
}

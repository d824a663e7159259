import { DRAIN_LABEL, type Node } from '#kube/objects/node.ts'

/** Why a node gives its service addresses away; the words are reasons of conditions and events. */
export const drainReasons = {
  Labelled: `the Node has the label ${DRAIN_LABEL}`,
  Cordoned: 'the Node is cordoned (spec.unschedulable)',
  ShuttingDown: 'the Node has a taint that says that it goes away',
} as const satisfies Record<string, string>

export type DrainReason = keyof typeof drainReasons

/** Taints that are put on a node whose end is near or has come; other taints say nothing about traffic. */
const shutdownTaints: ReadonlySet<string> = new Set([
  'node.kubernetes.io/out-of-service',
  'ToBeDeletedByClusterAutoscaler',
])

/**
 * Why a node drains, '' when it does not. The label is an order; a cordon or a taint is a hint about something else,
 * taken as an order only where that was asked for.
 */
export function drainReason(
  node: Pick<Node, 'labels' | 'unschedulable' | 'taints'>,
  onCordon: boolean,
): DrainReason | '' {
  if (Object.hasOwn(node.labels, DRAIN_LABEL)) return 'Labelled'
  if (!onCordon) return ''
  if (node.taints.some((key) => shutdownTaints.has(key))) return 'ShuttingDown'
  return node.unschedulable ? 'Cordoned' : ''
}

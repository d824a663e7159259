import type { Node } from '#kube/objects/node.ts'
import { controllerOf, type Pod } from './objects.ts'

/**
 * The node for a pod: of those that are ready and match its nodeSelector, the one with the fewest pods of the same
 * owner, then with the fewest pods, then the first by name. undefined when none fits: the pod stays pending.
 *
 * @param placed every pod that has a node already
 */
export function chooseNode(pod: Pod, nodes: Iterable<Node>, placed: Iterable<Pod>): string | undefined {
  const owner = controllerOf(pod.metadata)
  const siblings = new Map<string, number>()
  const all = new Map<string, number>()
  for (const other of placed) {
    const node = other.spec.nodeName
    if (!node) continue
    all.set(node, (all.get(node) ?? 0) + 1)
    if (owner !== '' && controllerOf(other.metadata) === owner && !other.metadata.deletionTimestamp) {
      siblings.set(node, (siblings.get(node) ?? 0) + 1)
    }
  }
  const rank = (node: Node) => [siblings.get(node.name) ?? 0, all.get(node.name) ?? 0] as const
  let best: Node | undefined
  for (const node of nodes) {
    if (!fits(pod, node)) continue
    if (best === undefined || isBefore(node, rank(node), best, rank(best))) best = node
  }
  return best?.name
}

type Rank = readonly [siblings: number, all: number]

function isBefore(a: Node, rankA: Rank, b: Node, rankB: Rank): boolean {
  if (rankA[0] !== rankB[0]) return rankA[0] < rankB[0]
  if (rankA[1] !== rankB[1]) return rankA[1] < rankB[1]
  return a.name.localeCompare(b.name, 'en', { numeric: true }) < 0
}

const fits = (pod: Pod, node: Node): boolean =>
  node.ready &&
  !node.unschedulable &&
  Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => node.labels[key] === value)

import type { Family } from '#inet/address.ts'
import { keyOf } from '#kube/api.ts'
import { checkReferences } from '../check.ts'
import { applyTo } from '../diff.ts'
import { emptyElements, type Elements } from '../model.ts'
import { Planner } from '../planner.ts'
import { trace } from '../trace.ts'
import { configOf, nodeAddresses, nodeOf, objectsOf, six } from './cluster.ts'
import { POD_BRIDGE } from './groups/detectors.ts'
import { POD, POD2, type Flow, type Outcome, type Scene } from './scene.ts'

/** The pure half of the table: scene → elements → what a packet meets. */

/** The elements of a scene, for one family or both. */
export function elementsOfScene(scene: Scene, families: readonly Family[]): Elements {
  const planner = new Planner(configOf(scene))
  planner.setNode(nodeOf(scene))
  for (const { service, slices } of objectsOf(scene, families)) {
    planner.setService(keyOf(service), service, slices)
  }
  const elements = emptyElements()
  applyTo(elements, planner.operations(elements, true).operations)
  checkReferences(elements)
  return elements
}

const pods: ReadonlySet<string> = new Set([POD, POD2].flatMap((address) => [address, six(address)]))

/** What the program makes of a flow. */
export function outcomeOf(scene: Scene, elements: Elements, flow: Flow): Outcome {
  const local = new Set(nodeAddresses(scene))
  const packet = {
    source: flow.from,
    destination: flow.to,
    protocol: flow.protocol,
    port: flow.port,
    interface: pods.has(flow.from) ? POD_BRIDGE : 'elsewhere',
  }
  const result = trace(elements, packet, (address) => local.has(address), configOf(scene).detector)
  if (result.verdict !== 'forward') return result.verdict
  return result.endpoints
    .map(({ endpoint, masquerade }) => (masquerade ? `${endpoint} m` : endpoint))
    .sort()
    .join(', ')
}

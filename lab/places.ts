import type { PlaceAnswer } from './control.ts'
import { LabError } from './errors.ts'
import type { Pods } from './kubelet/pods.ts'
import { CLIENT, ROUTER, type NodeHost } from './network/addressing.ts'

/**
 * The network namespace of `client`, `router`, `node/NAME` or `pod/NAMESPACE/NAME`.
 * @throws LabError FL_LAB_PLACE
 */
export function findPlace(
  place: string,
  nodes: readonly NodeHost[],
  pods: Pick<Pods, 'networkNamespace'>,
  kubeconfig: string,
): PlaceAnswer {
  const [kind, first = '', second = '', ...more] = place.split('/')
  if (more.length === 0) {
    if (place === CLIENT.name || place === ROUTER.name) return { networkNamespace: place, kubeconfig }
    if (kind === 'node' && second === '') return { networkNamespace: nodeNamed(first, nodes), kubeconfig }
    if (kind === 'pod' && second !== '') {
      const networkNamespace = pods.networkNamespace(`${first}/${second}`)
      if (networkNamespace === undefined) {
        throw new LabError('FL_LAB_PLACE', `there is no running pod ${second} in namespace ${first}`)
      }
      return { networkNamespace, kubeconfig }
    }
  }
  throw new LabError('FL_LAB_PLACE', `${place} is none of client, router, node/NAME, pod/NAMESPACE/NAME`)
}

function nodeNamed(name: string, nodes: readonly NodeHost[]): string {
  if (nodes.some((node) => node.name === name)) return name
  throw new LabError(
    'FL_LAB_PLACE',
    `there is no node ${name}; the nodes are ${nodes.map((one) => one.name).join(', ')}`,
  )
}

import { fail, ok, unknown, warn, type Check } from '../check.ts'

/** Check 8: a traffic policy may leave a node with nobody to send packets to, although others have somebody. */
export const nodeEndpointsCheck: Check = {
  id: 'node-endpoints',
  question: 'Has the node an endpoint that it may use?',
  run({ service, forwarding }) {
    if (service === undefined) return unknown('there is no Service')
    if (forwarding === undefined) return unknown("only a node's speaker knows")
    const { node, frontends } = forwarding
    if (!forwarding.forwarding || frontends.length === 0) return unknown(`${node} does not forward it`)
    const dropping = frontends.filter(({ verdict }) => verdict === 'drop')
    const external = dropping.some(({ kind }) => kind !== 'ClusterIP')
    if (external) {
      return warn(
        `externalTrafficPolicy is Local and ${node} has no endpoint of its own: it drops what comes from outside (nodes with one answer)`,
        `run a pod on ${node}, or set externalTrafficPolicy: Cluster`,
      )
    }
    const refusing = frontends.filter(({ verdict }) => verdict === 'reject')
    if (refusing.length > 0) {
      const ports = [...new Set(refusing.map(({ port, protocol }) => `${port}/${protocol}`))]
      return fail(
        `no node has a usable endpoint for port ${ports.join(', ')}: clients are refused`,
        'compare the ports of the Service with those of its EndpointSlices, and see whether its pods are ready',
      )
    }
    if (dropping.length > 0) {
      return warn(
        `internalTrafficPolicy is Local and ${node} has no endpoint of its own: it drops what its pods send to the ClusterIP`,
        `run a pod on ${node}, or set internalTrafficPolicy: Cluster`,
      )
    }
    const usable = new Set(frontends.flatMap(({ endpoints }) => endpoints))
    return ok(`${usable.size} for what arrives at ${node}`)
  },
}

import { noEndpoints } from './groups/a-no-endpoints.ts'
import { clusterIP } from './groups/b-cluster-ip.ts'
import { sourceRanges } from './groups/c-source-ranges.ts'
import { nodePorts } from './groups/d-node-ports.ts'
import { detectors } from './groups/detectors.ts'
import { externalPolicy } from './groups/e-external-policy.ts'
import { internalPolicy } from './groups/g-internal-policy.ts'
import { terminating } from './groups/h-terminating.ts'
import { masquerade } from './groups/j-masquerade.ts'
import { intake } from './groups/k-intake.ts'
import { ping } from './groups/ping.ts'
import { topology } from './groups/topology.ts'
import type { Scene } from './scene.ts'

/** Every scene: kube-proxy's packet flows by their number, then ours. */
export const table: readonly Scene[] = [
  ...noEndpoints,
  ...clusterIP,
  ...sourceRanges,
  ...nodePorts,
  ...externalPolicy,
  ...internalPolicy,
  ...terminating,
  ...masquerade,
  ...intake,
  ...topology,
  ...detectors,
  ...ping,
]

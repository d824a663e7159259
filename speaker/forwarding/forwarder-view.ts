import type { LocalDetector } from './config.ts'
import type { ForwardingInspection } from './inspection.ts'
import type { Elements } from './model.ts'
import type { Planner } from './planner.ts'
import { serviceView } from './service-view.ts'
import type { ForwardingServiceView, ForwardingView } from './view.ts'

export interface Viewed {
  readonly planner: Planner
  readonly detector: LocalDetector
  readonly localhostNodePorts: boolean
  /** a Service's frontends are in the data plane */
  readonly inDataplane: (key: string) => boolean
  /** what the data plane held when it was last known */
  readonly elements: () => Elements
  /** what it holds now */
  readonly list: () => Promise<Elements>
}

/** What a forwarder knows of Services and elements, for its view. */
export function viewOf(viewed: Viewed): Pick<ForwardingView, 'services' | 'service' | 'inspection'> {
  const { planner, inDataplane } = viewed
  const one = (key: string) => serviceView(planner, key, inDataplane(key))
  return {
    *services(): Generator<ForwardingServiceView> {
      for (const key of planner.services()) {
        const view = one(key)
        if (view) yield view
      }
    },
    service: one,
    inspection: inspectionOf(viewed),
  }
}

const inspectionOf = ({ planner, inDataplane, elements, list, ...chosen }: Viewed): ForwardingInspection => ({
  node: planner.node,
  detector: chosen.detector,
  localhostNodePorts: chosen.localhostNodePorts,
  elements,
  services: () => planner.services(),
  programmed: inDataplane,
  problems: (key) => planner.problems(key),
  desired: () => planner.desired(),
  desiredOf: (key) => planner.desiredOf(key),
  holder: (family, frontend) => planner.holder(family, frontend),
  list,
})

import type { EventRecorder } from '#kube/events.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Outcome } from '#kube/work-queue.ts'

export interface ForeignClassOptions {
  readonly events: EventRecorder
  readonly loadBalancerClass: string
  readonly service: (key: string) => Service | undefined
  /** false while this replica may not write */
  readonly leads: () => boolean
}

/** Whoever serves the class has had time to give an address. */
export const FOREIGN_CLASS_DELAY_MS = 30_000

/**
 * Tells the owner of a Service whose class is not ours, and that nobody serves, that we do not either. It is one
 * Event: nothing else is written to what is another controller's.
 */
export class ForeignClassNotice {
  readonly #options: ForeignClassOptions

  constructor(options: ForeignClassOptions) {
    this.#options = options
  }

  /** Of a class that is not ours, and without an address? */
  concerns(service: Service | undefined): boolean {
    if (service === undefined || service.ingress.length > 0) return false
    return classRefusal(service, this.#options.loadBalancerClass) === 'ClassNotOurs'
  }

  async reconcile(key: string): Promise<Outcome> {
    const { events, loadBalancerClass, service: find, leads } = this.#options
    const service = find(key)
    if (service !== undefined && this.concerns(service) && leads()) {
      const { namespace, name, uid } = service
      const regarding = { apiVersion: 'v1', kind: 'Service', namespace, name, uid }
      events.recordOnce(regarding, 'Warning', 'ClassNotOurs', foreignClassMessage(service, loadBalancerClass))
    }
    return { kind: 'done' }
  }
}

const foreignClassMessage = (service: Service, served: string): string => {
  const serves = served === '' ? 'Services without a class' : `class ${JSON.stringify(served)}`
  const cannot = 'The class of a Service cannot be changed: make it anew'
  const { loadBalancerClass: asked } = service
  return asked === undefined
    ? `the Service has no loadBalancerClass, Fairlead serves ${serves}, and nobody has given it an address. ${cannot} with loadBalancerClass ${served}`
    : `loadBalancerClass ${JSON.stringify(asked)} is not ours: Fairlead serves ${serves}, and nobody has given it an address. ${cannot} ${served === '' ? 'without one' : `with ${served}`}, or start Fairlead with --lb-class=${asked}`
}

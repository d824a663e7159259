import type { Family } from '#inet/address.ts'
import type { Element, Elements } from '#speaker/forwarding/model.ts'
import type { ForwardingView } from '#speaker/forwarding/view.ts'
import { AdminError } from '../errors.ts'
import type { Document, DocumentStream } from '../source.ts'
import { differencesOf, dump, groupDocument, type Dump } from './dump.ts'

/** What `forwarding/dump` is asked. */
export interface DumpQuery {
  /** `namespace/name`; all when absent */
  readonly service?: string
  readonly family?: Family
  readonly differences?: boolean
  /** how many Services are shown at most */
  readonly limit: number
}

/** A listing during which something was programmed shows differences that are none: it is taken again, so often. */
const LISTINGS = 3

/** Lists the kernel for whoever asks; those who ask at the same time share one listing. */
export class DumpSource {
  readonly #view: () => ForwardingView
  #listing: Promise<Elements> | undefined

  constructor(view: () => ForwardingView) {
    this.#view = view
  }

  /** @throws AdminError FL_ADMIN_NOT_FOUND; ForwardingError FL_FORWARDING_KERNEL */
  async dump(query: DumpQuery): Promise<DocumentStream> {
    const { service: only, family, limit } = query
    if (only !== undefined && this.#view().service(only) === undefined) {
      throw new AdminError('FL_ADMIN_NOT_FOUND', 404, `forwarding knows no Service ${only}`)
    }
    const { kernel, steady } = await this.#list()
    const view = this.#view()
    const { inspection } = view
    const whole = dump({
      kernel,
      services: only === undefined ? wantedBy(view) : [[only, inspection.desiredOf(only)]],
      others: inspection.desired(),
      holder: inspection.holder,
      ...(family === undefined ? {} : { family }),
      ...(only === undefined ? {} : { only }),
    })
    const { marks, groups } = query.differences === true ? differencesOf(whole) : whole
    return {
      head: {
        mode: view.mode,
        synced: view.synced,
        generation: view.generation,
        same: marks['='],
        missing: marks['+'],
        unplanned: marks['-'],
        other: marks['!'],
        left: Math.max(0, groups.length - limit),
        note: noteOf(view, steady),
      },
      items: documents(groups.slice(0, limit)),
    }
  }

  async #list(): Promise<{ kernel: Elements; steady: boolean }> {
    for (let attempt = 1; ; attempt++) {
      const { generation } = this.#view()
      this.#listing ??= this.#view()
        .inspection.list()
        .finally(() => (this.#listing = undefined))
      const kernel = await this.#listing
      const steady = this.#view().generation === generation
      if (steady || attempt === LISTINGS) return { kernel, steady }
    }
  }
}

function* wantedBy({ inspection }: ForwardingView): Generator<[string, readonly Element[]]> {
  for (const key of inspection.services()) yield [key, inspection.desiredOf(key)]
}

/** Made one by one, as they are sent. */
function* documents(groups: Dump['groups']): Generator<Document> {
  for (const group of groups) yield { ...groupDocument(group) }
}

function noteOf({ forwarding, reason, synced, lastError }: ForwardingView, steady: boolean): string {
  if (!forwarding) return `this node does not forward: ${reason}`
  if (lastError !== undefined) return `the kernel is behind the plan: ${lastError.text}`
  if (!steady) return 'changes were programmed while the kernel was listed: some differences are none'
  return synced ? '' : 'a change is being programmed'
}

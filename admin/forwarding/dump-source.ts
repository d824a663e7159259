import { setImmediate } from 'node:timers/promises'
import type { Family } from '#inet/address.ts'
import type { Element, Elements } from '#speaker/forwarding/model.ts'
import type { ForwardingView } from '#speaker/forwarding/view.ts'
import { AdminError } from '../errors.ts'
import type { Document, DocumentStream, StreamedDocument } from '../source.ts'
import { Turnstile } from '../turnstile.ts'
import { dump, elementsOf, type Dump } from './dump.ts'

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

/** Those who may wait for the one whose turn it is. */
const PLACES = 4

interface Listing {
  readonly kernel: Elements
  readonly generation: number
  /** who had asked when it was complete: it is new enough for them */
  readonly asked: number
}

/**
 * Lists the kernel for whoever asks, one after another, since a listing may take a hundred megabytes; those who ask
 * before a listing is complete share it. Between steps of the comparison others work.
 */
export class DumpSource {
  readonly #view: () => ForwardingView
  readonly #turn: () => Promise<unknown>
  readonly #turnstile = new Turnstile('dumps are made one at a time', PLACES)
  #asked = 0
  #listing: Listing | undefined

  /** @param turn lets others work */
  constructor(view: () => ForwardingView, turn: () => Promise<unknown> = () => setImmediate()) {
    this.#view = view
    this.#turn = turn
  }

  /**
   * @param signal whoever asked has gone
   * @throws AdminError FL_ADMIN_NOT_FOUND, FL_ADMIN_NOT_SYNCED, FL_ADMIN_BUSY; ForwardingError FL_FORWARDING_KERNEL;
   *   the signal's reason
   */
  async dump(query: DumpQuery, signal?: AbortSignal): Promise<DocumentStream> {
    this.#refuse(query)
    const number = ++this.#asked
    const leave = await this.#turnstile.enter(signal)
    const close = () => {
      this.#forget(number)
      leave()
    }
    try {
      const { found, steady } = await this.#compare(query, number, signal)
      this.#forget(number)
      const view = this.#view()
      const { marks, groups } = found
      return {
        head: {
          mode: view.mode,
          synced: view.synced,
          generation: view.generation,
          same: marks['='],
          missing: marks['+'],
          unplanned: marks['-'],
          other: marks['!'],
          left: Math.max(0, groups.length - query.limit),
          note: noteOf(view, steady),
        },
        items: documents(groups.slice(0, query.limit)),
        close,
      }
    } catch (error) {
      close()
      throw error
    }
  }

  #refuse({ service }: DumpQuery): void {
    const { forwarding, inspection, lastSync, lastError, service: find } = this.#view()
    if (!forwarding) return
    if (inspection.node === undefined || (lastSync === 0 && lastError === undefined)) {
      throw new AdminError(
        'FL_ADMIN_NOT_SYNCED',
        503,
        'nothing is planned yet: this node or the first lists are not known, ask again in a moment',
      )
    }
    if (service !== undefined && find(service) === undefined) {
      throw new AdminError('FL_ADMIN_NOT_FOUND', 404, `forwarding knows no Service ${service}`)
    }
  }

  async #compare(
    query: DumpQuery,
    number: number,
    signal: AbortSignal | undefined,
  ): Promise<{ found: Dump; steady: boolean }> {
    const { service: only, family } = query
    for (let attempt = 1; ; attempt++) {
      const { kernel, generation } = await this.#list(number)
      const view = this.#view()
      const { inspection } = view
      const steps = dump({
        kernel,
        services: only === undefined ? wantedBy(view) : [[only, inspection.desiredOf(only)]],
        others: inspection.desired(),
        holder: inspection.holder,
        differences: query.differences === true,
        ...(family === undefined ? {} : { family }),
        ...(only === undefined ? {} : { only }),
      })
      let step = steps.next()
      while (step.done !== true) {
        await this.#turn()
        signal?.throwIfAborted()
        step = steps.next()
      }
      const steady = this.#view().generation === generation
      if (steady || attempt === LISTINGS) return { found: step.value, steady }
    }
  }

  /** A listing is kept only while somebody waits for whom it is new enough. */
  #forget(number: number): void {
    if (this.#turnstile.waiting === 0 || (this.#listing?.asked ?? 0) <= number) this.#listing = undefined
  }

  async #list(number: number): Promise<Listing> {
    const { generation, inspection } = this.#view()
    const kept = this.#listing
    if (kept !== undefined && number <= kept.asked && kept.generation === generation) return kept
    this.#listing = undefined
    const kernel = await inspection.list()
    this.#listing = { kernel, generation, asked: this.#asked }
    return this.#listing
  }
}

function* wantedBy({ inspection }: ForwardingView): Generator<[string, readonly Element[]]> {
  for (const key of inspection.services()) yield [key, inspection.desiredOf(key)]
}

/** Made one by one, as they are sent. */
function* documents(groups: Dump['groups']): Generator<StreamedDocument> {
  for (const group of groups) {
    const { service, differences } = group
    yield {
      head: { service, differences },
      elements: elementsOf(group) as Iterable<object> as Iterable<Document>,
    }
  }
}

function noteOf({ forwarding, reason, synced, lastError }: ForwardingView, steady: boolean): string {
  if (!forwarding) return `this node does not forward: ${reason}`
  if (lastError !== undefined) return `the kernel is behind the plan: ${lastError.text}`
  if (!steady) return 'changes were programmed while the kernel was listed: some differences are none'
  return synced ? '' : 'a change is being programmed'
}

import type { Family } from '#inet/address.ts'
import { Claims } from '#kube/claims.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { AffinityLists } from './affinity.ts'
import { AffinityTimeouts } from './affinity-timeouts.ts'
import { API_SERVICE, hasEndpoints, keepEndpoints } from './api-server.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'
import { Desired } from './desired.ts'
import { diff, diffElements } from './diff.ts'
import type { ProgrammedService } from './follower.ts'
import { elementsOf, slotsName, slotsOf, type AssignLists, type MadeSlots, type Slots } from './elements.ts'
import {
  endpointsOf,
  families,
  type Collection,
  type Element,
  type Elements,
  type MutableElements,
  type Operation,
} from './model.ts'
import { nodeElements } from './node-elements.ts'
import { ZONE_LABEL, type Frontend, type ServicePlan } from './plan.ts'
import { planSafely, type Observed } from './safe-plan.ts'
import { HashBudget, hashElements, withoutHash } from './source-hash.ts'
import { VacatedAddresses } from './vacated.ts'

interface Step {
  readonly actual: Elements
  readonly full: boolean
  readonly inherited: Elements | undefined
  readonly now: number | undefined
}

interface PlannedOperations {
  readonly operations: Operation[]
  /** those that were looked at */
  readonly services: ReadonlySet<string>
  /** after a comparison of everything: what `actual` is when the operations are done */
  readonly wanted?: MutableElements
}

/** Owner of the elements that come from the node and not from a Service; no Service key looks like this. */
const NODE = 'node'
/** The same for the addresses that nobody has any more. */
const NOBODY = 'nobody'

/**
 * From observations to operations, in proportion to what changed: remembers what each Service wants, who holds a
 * contested frontend, and which Services must be looked at again. Nothing here touches a data plane or a clock.
 */
export class Planner {
  readonly #config: ForwardingConfig
  readonly #observed = new Map<string, Observed>()
  readonly #plans = new Map<string, ServicePlan>()
  /** who has which frontend, by its key */
  readonly #claims = { 4: new Claims(), 6: new Claims() }
  readonly #affinity = new AffinityLists()
  /** Services with an affinity list too many */
  readonly #unlisted = new Set<string>()
  readonly #timeouts = new AffinityTimeouts()
  readonly #hashes: HashBudget
  readonly #vacated = new VacatedAddresses()
  /** by Service, of large ones */
  readonly #made = new Map<string, MadeSlots>()
  readonly #desired = new Desired()
  readonly #dirty = new Set<string>()
  #node: NodeContext | undefined
  #nodeDirty = false

  /** @param hashes whose tables are made; for tests */
  constructor(config: ForwardingConfig, hashes: HashBudget = new HashBudget()) {
    this.#config = config
    this.#hashes = hashes
  }

  /** Nothing can be planned before the node is known. */
  get ready(): boolean {
    return this.#node !== undefined
  }

  /** Something changed since the last `operations`. */
  get pending(): boolean {
    return this.#dirty.size > 0 || this.#nodeDirty
  }

  setNode(node: NodeContext): void {
    const previous = this.#node
    this.#node = node
    this.#nodeDirty = true
    if (previous === undefined || !sameForPlans(previous, node)) {
      for (const key of this.#observed.keys()) this.#dirty.add(key)
      return
    }
    // Addresses come and go with Pods; they matter only to a Service that has one of them.
    const before = new Set(previous.localAddresses)
    const after = new Set(node.localAddresses)
    const moved = new Set(
      [...before, ...after].filter((address) => before.has(address) !== after.has(address)),
    )
    for (const { key, frontends } of this.#plans.values()) {
      if (frontends.some(({ address }) => moved.has(address))) this.#dirty.add(key)
    }
  }

  setService(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    const known = this.#observed.get(key)
    const kept = key === API_SERVICE && hasEndpoints(this.#plans.get(key)) ? known?.service : undefined
    if (service !== undefined) this.#observed.set(key, { service, slices })
    else if (kept !== undefined) this.#observed.set(key, { service: kept, slices: [] })
    else if (!this.#observed.delete(key)) return
    // One that was never planned leaves nothing to undo; while nothing is planned many may come and go.
    if (service === undefined && !this.#plans.has(key)) this.#dirty.delete(key)
    else this.#dirty.add(key)
  }

  /**
   * What brings `actual` to what is wanted now. `full` compares everything instead of what changed: after an adoption.
   * Also gives the Services that were looked at, and with `full` a copy of all that is wanted, with the very texts that
   * are kept here anyway. Endpoints keep the slots that they have in `actual`, or where a frontend is not there those
   * that they had in `inherited`, which another program left. `now` in epoch milliseconds is for addresses that were
   * vacated; without it there are none.
   */
  operations(actual: Elements, full: boolean, inherited?: Elements, now?: number): PlannedOperations {
    const node = this.#node
    if (node === undefined) return { operations: [], services: new Set() }
    const services = new Set(this.#dirty)
    try {
      const planned = this.#operations(services, node, { actual, full, inherited, now })
      this.#dirty.clear()
      return { ...planned, services }
    } catch (error) {
      // What was not planned is still to be planned: to forget it would be to want nothing, and to delete everything.
      this.#nodeDirty = true
      throw error
    }
  }

  #operations(
    services: Set<string>,
    node: NodeContext,
    { actual, full, inherited, now }: Step,
  ): Omit<PlannedOperations, 'services'> {
    if (this.#nodeDirty) this.#desired.set(NODE, nodeElements(node, this.#config), !full)
    this.#nodeDirty = false
    if (full) {
      this.#affinity.adopt(actual)
      this.#timeouts.adopt(actual)
    }
    const slots = slotsOf(actual, inherited)
    const affected = new Set<string>()
    for (const key of services) {
      for (const other of this.#replan(key, node, slots)) affected.add(other)
    }
    for (const key of affected) services.add(key)
    for (const key of this.#hashes.settle()) services.add(key)
    for (const key of services) this.#desired.set(key, this.#elements(key, slots, full), !full)
    if (full) {
      this.#affinity.settle()
      this.#vacated.adopt(
        actual,
        (family, address) => this.#desired.get(family, 'cluster-ips', address) !== undefined,
      )
    }
    if (now !== undefined && this.#vacated.settle(now)) {
      this.#desired.set(NOBODY, this.#vacated.elements(), !full)
    }
    const touched = this.#desired.takeTouched()
    if (full) {
      const wanted = this.#desired.elements()
      return { operations: diffElements(actual, wanted), wanted }
    }
    const valueOf = (family: Family, collection: Collection, key: string) =>
      this.#desired.get(family, collection, key)
    return { operations: diff(actual, valueOf, touched) }
  }

  /** When `operations` has something to do although nothing changed, in epoch milliseconds. */
  get nextAt(): number | undefined {
    return this.#vacated.nextAt
  }

  /** Every Service that was handed over, planned or not. */
  known(): Iterable<string> {
    return this.#observed.keys()
  }

  services(): Iterable<string> {
    return this.#plans.keys()
  }

  /** The Service with its plan and the objects that it was made from; undefined when it is gone. */
  programmed(key: string): ProgrammedService | undefined {
    const observed = this.#observed.get(key)
    const plan = this.#plans.get(key)
    return observed && plan && { key, ...observed, plan }
  }

  plan(key: string): ServicePlan | undefined {
    return this.#plans.get(key)
  }

  /** What is wrong with a Service or could not be had for it, in words. */
  problems(key: string): readonly string[] {
    const problems = [...(this.#plans.get(key)?.problems ?? [])]
    if (this.#unlisted.has(key)) problems.push('sessionAffinity is not kept: too many Services have it')
    if (this.#hashes.denied(key)) {
      problems.push('source-hash is not kept: older Services have all slots that there are, random is used')
    }
    return problems
  }

  /** Of choice by a hash of the client: elements in use, and Services that go without. */
  hashUsage(): { readonly elements: number; readonly denied: number } {
    return this.#hashes.usage()
  }

  /** Frontends that an older Service has; with its key. */
  conflicts(key: string): { frontend: Frontend; holder: string }[] {
    const frontends = this.#plans.get(key)?.frontends ?? []
    return frontends.flatMap((frontend) => {
      const holder = this.#claims[frontend.family].holder(frontend.key) ?? key
      return holder === key ? [] : [{ frontend, holder }]
    })
  }

  /** The Service that has a frontend, by its key in the elements. */
  holder(family: Family, frontend: string): string | undefined {
    return this.#claims[family].holder(frontend)
  }

  /** What should be in the data plane: all of it, or what one Service wants. */
  desired(): Iterable<Element> {
    return this.#desired.all()
  }

  desiredOf(key: string): readonly Element[] {
    return this.#desired.of(key)
  }

  get node(): NodeContext | undefined {
    return this.#node
  }

  /** Plans one Service anew; gives the others that gained or lost a frontend by it. */
  #replan(key: string, node: NodeContext, slots: Slots): ReadonlySet<string> {
    const observed = this.#observed.get(key)
    const previous = this.#plans.get(key)
    let plan = observed && planSafely(key, observed, node, previous)
    if (plan && key === API_SERVICE) plan = keepEndpoints(plan, previous, slots, node)
    plan = this.#timeouts.fit(key, plan)
    const created = plan?.created ?? previous?.created ?? ''
    this.#hashes.set(key, created, plan === undefined ? 0 : hashElements(plan))
    if (plan) this.#plans.set(key, plan)
    else this.#plans.delete(key)
    this.#vacated.replanned(previous, plan)
    const affected = new Set<string>()
    for (const family of families) {
      // Nearly every Service has frontends of one family only.
      const none = plan === undefined || plan.frontends.every((frontend) => frontend.family !== family)
      if (none && this.#claims[family].of(key).length === 0) continue
      const claims = new Set<string>()
      for (const frontend of plan?.frontends ?? []) if (frontend.family === family) claims.add(frontend.key)
      for (const other of this.#claims[family].set({ owner: key, created }, claims)) affected.add(other)
    }
    return affected
  }

  #elements(key: string, slots: Slots, full: boolean): readonly Element[] {
    const plan = this.#plans.get(key)
    const assign: AssignLists = (wanted) => {
      const lists = this.#affinity.assign(key, wanted)
      if (lists[4].size + lists[6].size < wanted.length) this.#unlisted.add(key)
      else this.#unlisted.delete(key)
      return lists
    }
    if (plan === undefined) {
      assign([])
      this.#made.delete(key)
      return []
    }
    const before = this.#made.get(key)
    const made: MadeSlots = new Map()
    // What was wanted is what is there, unless it has just been listed.
    const known: Slots = (family, over, frontend) =>
      (full ? undefined : before?.get(slotsName(family, endpointsOf[over], frontend)))?.map(
        ({ value }) => value,
      ) ?? slots(family, over, frontend)
    const elements = elementsOf(
      this.#hashes.denied(key) ? withoutHash(plan) : plan,
      (frontend) => this.#holds(key, frontend),
      known,
      assign,
      before,
      made,
    )
    if (made.size > 0) this.#made.set(key, made)
    else this.#made.delete(key)
    return elements
  }

  #holds(key: string, frontend: Frontend): boolean {
    return this.#claims[frontend.family].holder(frontend.key) === key
  }
}

/** Everything of a node that a plan looks at, but for its local addresses. */
const sameForPlans = (a: NodeContext, b: NodeContext): boolean =>
  a.name === b.name &&
  a.internalIPs.join() === b.internalIPs.join() &&
  a.labels[ZONE_LABEL] === b.labels[ZONE_LABEL]

import type { Family } from '#inet/address.ts'
import { Claims } from '#kube/claims.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { AffinityLists } from './affinity.ts'
import { API_SERVICE, hasEndpoints, keepEndpoints } from './api-server.ts'
import { slotsIn } from './balance.ts'
import { planProblem } from './check.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'
import { Desired } from './desired.ts'
import { diff } from './diff.ts'
import type { ProgrammedService } from './follower.ts'
import { elementsOf, frontendKey, nodeElements, type AssignLists, type Slots } from './elements.ts'
import { endpointsOf, tuple, type Element, type Elements, type Operation } from './model.ts'
import { planService, ZONE_LABEL, type Frontend, type ServicePlan } from './plan.ts'

interface Observed {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
}

/** Owner of the elements that come from the node and not from a Service; no Service key looks like this. */
const NODE = 'node'

/**
 * From observations to operations, in proportion to what changed: remembers what each Service wants, who holds a
 * contested frontend, and which Services must be looked at again. Nothing here touches a data plane or a clock.
 */
export class Planner {
  readonly #config: ForwardingConfig
  readonly #observed = new Map<string, Observed>()
  readonly #plans = new Map<string, ServicePlan>()
  readonly #claims = new Claims()
  readonly #affinity = new AffinityLists()
  /** Services with an affinity list too many */
  readonly #unlisted = new Set<string>()
  readonly #desired = new Desired()
  readonly #dirty = new Set<string>()
  #node: NodeContext | undefined
  #nodeDirty = false

  constructor(config: ForwardingConfig) {
    this.#config = config
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
   * Also gives the Services that were looked at. Endpoints keep the slots that they have in `actual`.
   */
  operations(actual: Elements, full: boolean): { operations: Operation[]; services: ReadonlySet<string> } {
    const node = this.#node
    if (node === undefined) return { operations: [], services: new Set() }
    const services = new Set(this.#dirty)
    this.#dirty.clear()
    if (this.#nodeDirty) this.#desired.set(NODE, nodeElements(node, this.#config))
    this.#nodeDirty = false
    if (full) this.#affinity.adopt(actual)
    const slots = slotsOf(actual)
    const affected = new Set<string>()
    for (const key of services) {
      for (const other of this.#replan(key, node, slots)) affected.add(other)
    }
    for (const key of affected) services.add(key)
    for (const key of services) this.#desired.set(key, this.#elements(key, slots))
    if (full) this.#affinity.settle()
    const touched = this.#desired.takeTouched()
    const operations = diff(
      actual,
      (family, collection, key) => this.#desired.get(family, collection, key),
      full ? this.#desired.allKeys(actual) : touched,
    )
    return { operations, services }
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
    const problems = this.#plans.get(key)?.problems ?? []
    return this.#unlisted.has(key)
      ? [...problems, 'sessionAffinity is not kept: too many Services have it']
      : problems
  }

  /** Frontends that an older Service has; with its key. */
  conflicts(key: string): { frontend: Frontend; holder: string }[] {
    const frontends = this.#plans.get(key)?.frontends ?? []
    return frontends.flatMap((frontend) => {
      const holder = this.#claims.holder(claimOf(frontend)) ?? key
      return holder === key ? [] : [{ frontend, holder }]
    })
  }

  /** The Service that has a frontend, by its key in the elements. */
  holder(family: Family, frontend: string): string | undefined {
    return this.#claims.holder(`${family} ${frontend}`)
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
    let plan = observed && encodable(planService(observed.service, observed.slices, node))
    if (plan && key === API_SERVICE) plan = keepEndpoints(plan, previous, slots, node)
    const created = plan?.created ?? previous?.created ?? ''
    if (plan) this.#plans.set(key, plan)
    else this.#plans.delete(key)
    return this.#claims.set({ owner: key, created }, new Set(plan?.frontends.map(claimOf)))
  }

  #elements(key: string, slots: Slots): readonly Element[] {
    const plan = this.#plans.get(key)
    const assign: AssignLists = (wanted) => {
      const lists = this.#affinity.assign(key, wanted)
      if (lists[4].size + lists[6].size < wanted.length) this.#unlisted.add(key)
      else this.#unlisted.delete(key)
      return lists
    }
    if (plan !== undefined) return elementsOf(plan, (frontend) => this.#holds(key, frontend), slots, assign)
    assign([])
    return []
  }

  #holds(key: string, frontend: Frontend): boolean {
    return this.#claims.holder(claimOf(frontend)) === key
  }
}

/** The plan, or one that wants nothing where an element could not say what it wants: the others' go on. */
function encodable(plan: ServicePlan): ServicePlan {
  const problem = planProblem(plan)
  if (problem === '') return plan
  const problems = [...plan.problems, `cannot be programmed: ${problem}`]
  return { ...plan, skipped: 'invalid', problems, frontends: [], clusterIPs: [], pingable: [] }
}

/** Everything of a node that a plan looks at, but for its local addresses. */
const sameForPlans = (a: NodeContext, b: NodeContext): boolean =>
  a.name === b.name &&
  a.internalIPs.join() === b.internalIPs.join() &&
  a.labels[ZONE_LABEL] === b.labels[ZONE_LABEL]

const claimOf = (frontend: Frontend): string => `${frontend.family} ${frontendKey(frontend)}`

const slotsOf =
  (actual: Elements): Slots =>
  (family, over, key) => {
    const count = slotsIn(actual[family][over].get(key))
    const endpoints = actual[family][endpointsOf[over]]
    return Array.from({ length: count }, (_, slot) => endpoints.get(tuple(key, slot)) ?? '')
  }

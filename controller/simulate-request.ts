import type { Problem, Reservation } from '#crds/config.ts'
import { parseConfig, type ConfigObjects } from '#crds/parse.ts'
import { parseReservation } from '#crds/parse/reservation.ts'
import { keyOf } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { simulate, type SimulatedCluster, type Simulation, type Situation } from './simulate.ts'

/** What a person would apply and delete, as written: nothing in it has been checked. */
export interface SimulationRequest {
  readonly apply: readonly unknown[]
  /** `kind/name`, or `kind/namespace/name` */
  readonly delete: readonly string[]
}

export interface SimulationAnswer extends Simulation {
  /** those that the change would bring */
  readonly problems: readonly Problem[]
  /** what was asked for and makes no difference, with the reason */
  readonly ignored: readonly { readonly object: string; readonly why: string }[]
}

/** What the request is held against. */
export interface Present extends SimulatedCluster {
  /** as they are written, whether in force or not */
  readonly objects: ConfigObjects
  readonly now: Situation
  /** the only one whose configuration counts */
  readonly namespace: string
}

/** Kinds by all the names that people give them, in lower case. */
const sections: ReadonlyMap<string, keyof ConfigObjects | 'reservations'> = new Map(
  (
    [
      ['pools', resources.ipAddressPools],
      ['l2Advertisements', resources.l2Advertisements],
      ['bgpAdvertisements', resources.bgpAdvertisements],
      ['peers', resources.bgpPeers],
      ['bfdProfiles', resources.bfdProfiles],
      ['communities', resources.communities],
      ['reservations', resources.addressReservations],
    ] as const
  ).flatMap(([section, { kind, plural }]) => [
    [kind.toLowerCase(), section],
    [plural, section],
  ]),
)

interface Named {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly creationTimestamp?: string
  }
}

/** Answers a request: what would become of the Services. Never throws, whatever was written. */
export function simulateRequest(request: SimulationRequest, present: Present): SimulationAnswer {
  const draft = new Draft(present)
  for (const object of request.apply) draft.apply(object)
  for (const text of request.delete) draft.delete(text)
  const { config, problems } = parseConfig(draft.objects(), present.now.config)
  const next = { config, problems, reservations: [...draft.reservations.values()] }
  const known = new Set(present.now.problems.map((problem) => JSON.stringify(problem)))
  return {
    ...simulate(present.now, next, present),
    problems: problems.filter((problem) => !known.has(JSON.stringify(problem))),
    ignored: draft.ignored,
  }
}

/** The objects as they would be. */
class Draft {
  readonly ignored: { readonly object: string; readonly why: string }[] = []
  readonly reservations: Map<string, Reservation>
  readonly #sections: ReadonlyMap<keyof ConfigObjects, Map<string, Named>>
  readonly #namespace: string

  constructor({ objects, now, namespace }: Present) {
    this.#namespace = namespace
    const names = Object.keys(objects) as (keyof ConfigObjects)[]
    this.#sections = new Map(
      names.map((section) => [
        section,
        new Map(objects[section].map((object) => [object.metadata.name, object])),
      ]),
    )
    this.reservations = new Map((now.reservations ?? []).map((one) => [keyOf(one), one]))
  }

  objects(): ConfigObjects {
    const lists = [...this.#sections].map(([section, objects]) => [section, [...objects.values()]])
    return Object.fromEntries(lists) as unknown as ConfigObjects
  }

  apply(raw: unknown): void {
    const { kind, metadata } = (raw ?? {}) as { kind?: unknown; metadata?: Partial<Named['metadata']> }
    const { name, namespace = '' } = metadata ?? {}
    if (typeof kind !== 'string' || typeof name !== 'string')
      return this.#ignore(String(kind), 'an object needs a kind and metadata.name')
    const section = this.#sectionOf(kind, name, namespace)
    if (section === undefined) return
    const object = { ...(raw as Named), metadata: { ...(metadata as Named['metadata']) } }
    if (section === 'reservations') {
      const place = namespace || 'default'
      const key = keyOf({ namespace: place, name })
      const { created = '', recordedService = '' } = this.reservations.get(key) ?? {}
      const parsed = parseReservation({ ...object, metadata: { ...object.metadata, namespace: place } })
      this.reservations.set(key, { ...parsed, created, recordedService })
      return
    }
    const objects = this.#sections.get(section) as Map<string, Named>
    // What is new is younger than all that is there: the parser takes no creation time for that.
    const { creationTimestamp: _given, ...rest } = object.metadata
    const creationTimestamp = objects.get(name)?.metadata.creationTimestamp
    const known = creationTimestamp === undefined ? {} : { creationTimestamp }
    objects.set(name, { ...object, metadata: { ...rest, namespace: this.#namespace, ...known } })
  }

  delete(text: string): void {
    const [kind = '', ...words] = text.split('/')
    const name = words.at(-1) ?? ''
    const namespace = words.length === 2 ? words[0] : ''
    if (words.length < 1 || words.length > 2 || name === '')
      return this.#ignore(text, 'write KIND/NAME or KIND/NAMESPACE/NAME')
    const section = this.#sectionOf(kind, name, namespace)
    if (section === undefined) return
    const found =
      section === 'reservations'
        ? this.reservations.delete(keyOf({ namespace: namespace || 'default', name }))
        : this.#sections.get(section)?.delete(name)
    if (found !== true) this.#ignore(text, 'there is no such object')
  }

  #sectionOf(
    kind: string,
    name: string,
    namespace: string,
  ): keyof ConfigObjects | 'reservations' | undefined {
    const object = [kind, namespace, name].filter((word) => word !== '').join('/')
    const section = sections.get(kind.toLowerCase())
    if (section === undefined) this.#ignore(object, 'this kind decides nothing about addresses')
    else if (section !== 'reservations' && namespace !== '' && namespace !== this.#namespace)
      this.#ignore(object, `configuration is read in namespace ${this.#namespace} only`)
    else return section
    return undefined
  }

  #ignore(object: string, why: string): void {
    this.ignored.push({ object: object.slice(0, 200), why })
  }
}

import { keyOf, type KubeApi, type KubeObject, type Resource } from '#kube/api.ts'
import { isKubeError } from '#kube/errors.ts'
import { projectNextService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { projectReservation, type ReservationObject } from './reservation.ts'
import { byAge } from './session.ts'

const PAGE = 500

/** What a new leader begins with: its reflectors may be behind the last writes of the leader before it. */
export interface FreshLists {
  /** in the order in which they are adopted */
  readonly services: Service[]
  readonly reservations: ReservationObject[]
}

/** @param observed what the reflector knows of a Service: what is the same is kept once */
export async function freshLists(
  api: KubeApi,
  observed: (key: string) => Service | undefined,
): Promise<FreshLists> {
  const project = (object: KubeObject) => projectNextService(object, observed(keyOf(object.metadata)))
  const services = (await listAll(api, resources.services, project)).sort(byAge)
  return { services, reservations: await listReservations(api) }
}

/** A cluster without the custom resource has none. */
async function listReservations(api: KubeApi): Promise<ReservationObject[]> {
  try {
    return await listAll(api, resources.addressReservations, projectReservation)
  } catch (error) {
    if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return []
    throw error
  }
}

async function listAll<T>(
  api: KubeApi,
  resource: Resource,
  project: (object: KubeObject) => T,
): Promise<T[]> {
  const all: T[] = []
  let next: string | undefined
  do {
    const page = await api.list(resource, { limit: PAGE, ...(next === undefined ? {} : { continue: next }) })
    for (const object of page.items) all.push(project(object))
    next = page.continue
  } while (next)
  return all
}

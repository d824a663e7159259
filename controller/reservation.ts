import type { Reservation } from '#crds/config.ts'
import { parseReservation } from '#crds/parse/reservation.ts'
import type { KubeObject } from '#kube/api.ts'
import type { Condition } from '#kube/objects/service.ts'

/** What the controller keeps of an AddressReservation. */
export interface ReservationObject extends Reservation {
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly phase: string
  readonly conditions: readonly Condition[]
}

interface RawReservation extends KubeObject {
  status?: { phase?: string; conditions?: Condition[] }
}

export function projectReservation(object: KubeObject): ReservationObject {
  const { metadata, status = {} } = object as RawReservation
  return {
    ...parseReservation(object),
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    generation: metadata.generation ?? 0,
    phase: status.phase ?? '',
    conditions: status.conditions ?? [],
  }
}

const MANAGED_BY = 'app.kubernetes.io/managed-by'

/** Marks the reservations that the controller made, and whose spec it therefore keeps up to date. */
export const managedLabels = { [MANAGED_BY]: 'fairlead' } as const

/** Made by the controller: what people wrote stays as they wrote it. */
export const isManaged = ({ labels }: Reservation): boolean =>
  labels[MANAGED_BY] === managedLabels[MANAGED_BY]

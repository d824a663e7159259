import type { SessionCounters } from './status.ts'
import type { MessageType } from './wire/header.ts'

export const newCounters = (): SessionCounters => ({
  opensSent: 0,
  opensReceived: 0,
  keepalivesSent: 0,
  keepalivesReceived: 0,
  updatesSent: 0,
  updatesReceived: 0,
  notificationsSent: 0,
  notificationsReceived: 0,
  routeRefreshReceived: 0,
  malformedUpdates: 0,
  connectAttempts: 0,
  established: 0,
})

const received = {
  open: 'opensReceived',
  update: 'updatesReceived',
  notification: 'notificationsReceived',
  keepalive: 'keepalivesReceived',
  routeRefresh: 'routeRefreshReceived',
} as const satisfies Record<MessageType, keyof SessionCounters>

const sent = {
  open: 'opensSent',
  update: 'updatesSent',
  notification: 'notificationsSent',
  keepalive: 'keepalivesSent',
} as const satisfies Record<Exclude<MessageType, 'routeRefresh'>, keyof SessionCounters>

export function countReceived(counters: SessionCounters, type: MessageType): void {
  counters[received[type]]++
}

export function countSent(counters: SessionCounters, type: Exclude<MessageType, 'routeRefresh'>): void {
  counters[sent[type]]++
}

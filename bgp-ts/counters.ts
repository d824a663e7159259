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
  endOfRibReceived: 0,
  malformedUpdates: 0,
  connectAttempts: 0,
  connectionsAccepted: 0,
  connectionsRejected: 0,
  established: 0,
})

const sent = {
  open: 'opensSent',
  update: 'updatesSent',
  notification: 'notificationsSent',
  keepalive: 'keepalivesSent',
} as const satisfies Partial<Record<MessageType, keyof SessionCounters>>

export function countReceived(counters: SessionCounters, type: MessageType): void {
  switch (type) {
    case 'update':
      counters.updatesReceived++
      return
    case 'keepalive':
      counters.keepalivesReceived++
      return
    case 'open':
      counters.opensReceived++
      return
    case 'notification':
      counters.notificationsReceived++
      return
    case 'routeRefresh':
      counters.routeRefreshReceived++
  }
}

/** A ROUTE-REFRESH is never sent: no route of the peer is kept. */
export function countSent(counters: SessionCounters, type: MessageType): void {
  if (type !== 'routeRefresh') counters[sent[type]]++
}

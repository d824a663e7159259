import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { WorkQueue, type Outcome } from '#kube/work-queue.ts'
import type { ControllerMetrics } from './metrics.ts'

/** How many objects of a kind that many have are worked on at the same time. */
const CONCURRENCY = 8
const concurrencies = {
  activation: 1,
  services: CONCURRENCY,
  reservations: CONCURRENCY,
  classes: 1,
  pools: 1,
  configuration: 1,
  speakers: 1,
} as const

type Name = keyof typeof concurrencies

export type Queues = Readonly<Record<Name, WorkQueue>>

export interface QueuesOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: () => Pick<ControllerMetrics, 'observe'>
  readonly reconcile: Readonly<Record<Name, (key: string) => Promise<Outcome>>>
}

/** A queue for each kind of thing that is made right. */
export function makeQueues({ clock, log, metrics, reconcile }: QueuesOptions): Queues {
  const queue = (name: Name) =>
    new WorkQueue({
      name,
      clock,
      reconcile: reconcile[name],
      concurrency: concurrencies[name],
      onOutcome: (key, outcome, ms, waitedMs) => {
        metrics().observe(name, outcome, ms, waitedMs)
        if ('error' in outcome) log.warn({ err: outcome.error, queue: name, key }, 'will be tried again')
      },
    })
  const names = Object.keys(concurrencies) as Name[]
  return Object.fromEntries(names.map((name) => [name, queue(name)])) as Queues
}

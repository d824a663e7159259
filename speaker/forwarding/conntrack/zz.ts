import type { Counter, Histogram } from 'prom-client'
import type { ConntrackMetrics } from './cleaner.ts'
declare const a: Histogram, b: Counter
export const x: ConntrackMetrics = { conntrackSyncDuration: a, conntrackDeleted: b }

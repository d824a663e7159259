import type { ApiObject } from '../object.ts'

export type Cell = string | number | boolean | null

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: string
  readonly description?: string
  /** 0 always, greater only with `-o wide` */
  readonly priority: number
  /** @param now milliseconds since 1970, for ages */
  cell(object: ApiObject, now: number): Cell
}

interface ColumnOptions {
  readonly type?: Column['type']
  readonly format?: string
  readonly description?: string
}

/** A column that is always shown. */
export const column = (name: string, cell: Column['cell'], options: ColumnOptions = {}): Column => ({
  name,
  type: 'string',
  priority: 0,
  cell,
  ...options,
})

/** A column of `-o wide`. */
export const wideColumn = (name: string, cell: Column['cell'], options: ColumnOptions = {}): Column => ({
  ...column(name, cell, options),
  priority: 1,
})

export const nameColumn = column('Name', (object) => object.metadata.name, {
  format: 'name',
  description: 'Name must be unique within a namespace.',
})

export const ageColumn = column('Age', (object, now) => age(object.metadata.creationTimestamp, now), {
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
})

/** How long ago a timestamp was, as kubectl says it: `5s`, `3m20s`, `2d`. */
export function age(time: unknown, now: number): string {
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at)
}

/** k8s.io/apimachinery duration.HumanDuration. @param milliseconds may be slightly negative */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return `${minutes}m${part(seconds % 60, 's')}`
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return `${hours}h${part(minutes % 60, 'm')}`
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return `${days}d${part(hours % 24, 'h')}`
  if (days < 730) return `${days}d`
  const years = Math.trunc(days / 365)
  return years < 8 ? `${years}y${part(days % 365, 'd')}` : `${years}y`
}

const part = (value: number, unit: string): string => (value === 0 ? '' : `${value}${unit}`)

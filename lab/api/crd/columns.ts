import { age, ageColumn, nameColumn, type Cell, type Column } from '../table/column.ts'
import { parseJsonPath } from '../table/json-path.ts'
import type { PrinterColumn } from './definition.ts'

/** The columns of a custom resource: its name, then what the CRD asks for, by default the age. */
export function customColumns(columns: readonly PrinterColumn[] | undefined): Column[] {
  if (columns === undefined || columns.length === 0) return [nameColumn, ageColumn]
  return [nameColumn, ...columns.map(customColumn)]
}

function customColumn({ name, type, format, description, priority = 0, jsonPath }: PrinterColumn): Column {
  const find = parseJsonPath(jsonPath) ?? (() => [])
  return {
    name,
    type: type as Column['type'],
    ...(format === undefined ? {} : { format }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority,
    cell: (object, now) => cellOf(type, find(object), now),
  }
}

function cellOf(type: string, found: readonly unknown[], now: number): Cell {
  const [value] = found
  if (value === undefined || value === null) return null
  switch (type) {
    case 'integer':
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      return typeof value === 'string' ? age(value, now) : null
    default:
      return found.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(' ')
  }
}

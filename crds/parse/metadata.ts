import { Fields, isRecord, type Issue } from './fields.ts'

/** An object as the API server sent it: nothing about it is trusted. */
export interface RawObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly creationTimestamp?: string
  }
  readonly spec?: unknown
}

export interface Metadata {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** RFC 3339 in UTC, so that texts order as times; '' when absent */
  readonly creationTimestamp: string
}

/** @param missing what to say of an object without a name */
export function readMetadata(raw: unknown, issues: Issue[], missing = 'missing name'): Metadata {
  if (!isRecord(raw))
    issues.push({ severity: 'error', code: 'FL_CRD_TYPE', field: '', message: 'must be an object' })
  const metadata = new Fields(isRecord(raw) ? raw['metadata'] : undefined, 'metadata', issues)
  const name = metadata.string('name') ?? ''
  if (name === '') metadata.error('FL_CRD_REQUIRED', 'name', missing)
  return {
    name,
    namespace: metadata.string('namespace') ?? '',
    labels: metadata.textMap('labels'),
    creationTimestamp: metadata.string('creationTimestamp') ?? '',
  }
}

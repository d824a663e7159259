import type { ConfigObjects, RawObject } from '../parse.ts'
import { raw } from '../test-objects.ts'

/**
 * For tests: one object that meets a configuration, and what becomes of it. The same tables are held against the
 * parser, the webhook and the CRDs in a real API server, so that all three say the same.
 */
export interface ConfigurationCase {
  /** the number of MetalLB's behaviour that it shows (C1 …, F), or what else it is about */
  readonly number: string
  readonly name: string
  /** what is there before */
  readonly before: Partial<ConfigObjects>
  readonly section: keyof ConfigObjects
  /** the object that comes last */
  readonly object: RawObject
  /** what the parser says of it; absent when it says nothing */
  readonly problem?: {
    readonly severity: 'error' | 'warning'
    readonly field: string
    readonly message: RegExp
  }
  /** what the CRD says of it; absent when the API server takes it */
  readonly schema?: RegExp
}

interface More {
  readonly before?: Partial<ConfigObjects>
  /** what an API server says; `true`: the same words as the parser */
  readonly schema?: RegExp | true
  /** the words of the parser are a warning */
  readonly warning?: true
}

/** Name of the object in every case. */
export const UNDER_TEST = 'under-test'

/** Cases of one kind: `refuse` for what is refused or warned of, `accept` for what is taken without a word. */
export function casesOf(section: keyof ConfigObjects): {
  refuse: (
    number: string,
    name: string,
    spec: unknown,
    field: string,
    message: RegExp,
    more?: More,
  ) => ConfigurationCase
  accept: (number: string, name: string, spec: unknown, before?: Partial<ConfigObjects>) => ConfigurationCase
} {
  return {
    refuse: (number, name, spec, field, message, { before = {}, schema, warning } = {}) => ({
      number,
      name,
      before,
      section,
      object: raw(UNDER_TEST, spec),
      problem: { severity: warning ? 'warning' : 'error', field, message },
      ...(schema === undefined ? {} : { schema: schema === true ? message : schema }),
    }),
    accept: (number, name, spec, before = {}) => ({
      number,
      name,
      before,
      section,
      object: raw(UNDER_TEST, spec),
    }),
  }
}

export const labels = (key: string, value: string): object => ({ matchLabels: { [key]: value } })

export const term = (fields: object): object => ({ matchExpressions: [fields] })

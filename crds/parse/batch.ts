import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../config.ts'
import type { ProblemCode } from '../errors.ts'
import { Fields, isRecord, type Issue } from './fields.ts'
import { readMetadata, type Metadata } from './metadata.ts'

interface NameWords {
  readonly missing: string
  readonly twice: (name: string) => string
}

const wordsOf = (kind: string): NameWords => ({
  missing: 'missing name',
  twice: (name) => `duplicate definition of ${kind} "${name}"`,
})

/** Upstream's words about names, where it has its own. */
const words: Readonly<Record<string, NameWords>> = {
  IPAddressPool: {
    missing: 'missing pool name',
    twice: (name) => `duplicate definition of pool "${name}"`,
  },
  BFDProfile: {
    missing: 'missing bfd profile name',
    twice: (name) => `found duplicate bfd profile name ${name}`,
  },
  BGPPeer: { missing: 'missing name', twice: (name) => `peer ${name} already exists` },
}

/** One object, read. Later checks against other objects add to `issues`. */
export class Entry<T> {
  readonly name: string
  readonly metadata: Metadata
  readonly value: T
  readonly issues: Issue[]

  constructor(metadata: Metadata, value: T, issues: Issue[]) {
    this.name = metadata.name
    this.metadata = metadata
    this.value = value
    this.issues = issues
  }

  /** No error so far; only then is `value` complete. */
  get valid(): boolean {
    return !this.issues.some(({ severity }) => severity === 'error')
  }

  note(severity: Issue['severity'], code: ProblemCode, field: string, message: string): void {
    this.issues.push({ severity, code, field, message })
  }
}

/** All objects of one kind. `entries` has one for each name, in name order; the rest only leaves problems. */
export class Batch<T> {
  readonly kind: string
  readonly entries: readonly Entry<T>[]
  readonly #all: readonly Entry<T>[]

  constructor(kind: string, raws: readonly unknown[], parse: (metadata: Metadata, spec: Fields) => T) {
    this.kind = kind
    const { missing, twice } = words[kind] ?? wordsOf(kind)
    this.#all = raws.map((raw) => readEntry(raw, parse, missing)).sort(byNameThenAge)
    const names = new Set<string>()
    this.entries = this.#all.filter((entry) => {
      if (entry.name === '') return false
      if (!names.has(entry.name)) return names.add(entry.name)
      entry.note('error', 'FL_CRD_DUPLICATE', 'metadata.name', twice(entry.name))
      return false
    })
  }

  /** Oldest first; objects without a creation time (not yet created) last. */
  byAge(): Entry<T>[] {
    return [...this.entries].sort((a, b) => compareText(age(a), age(b)) || compareText(a.name, b.name))
  }

  /**
   * What is in force and has not changed, then the others by age: an edit or a newcomer never takes something away
   * that works, even when both came within the same second.
   */
  byPrecedence(last: ReadonlyMap<string, T>): Entry<T>[] {
    const stands = (entry: Entry<T>) => entry.valid && isDeepStrictEqual(entry.value, last.get(entry.name))
    const byAge = this.byAge()
    return [...byAge.filter(stands), ...byAge.filter((entry) => !stands(entry))]
  }

  problems(): Problem[] {
    return this.#all.flatMap(({ metadata: { namespace, name }, issues }) =>
      issues.map((issue) => ({ ...issue, kind: this.kind, namespace, name })),
    )
  }
}

function readEntry<T>(
  raw: unknown,
  parse: (metadata: Metadata, spec: Fields) => T,
  missing: string,
): Entry<T> {
  const issues: Issue[] = []
  const metadata = readMetadata(raw, issues, missing)
  const spec = new Fields(isRecord(raw) ? raw['spec'] : undefined, 'spec', issues)
  return new Entry(metadata, parse(metadata, spec), issues)
}

const age = ({ metadata }: Entry<unknown>): string => metadata.creationTimestamp || '~'

const byNameThenAge = (a: Entry<unknown>, b: Entry<unknown>): number =>
  compareText(a.name, b.name) || compareText(age(a), age(b))

/** By code unit, whatever the locale. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

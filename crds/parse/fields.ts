import type { ProblemCode } from '../errors.ts'

/** A Problem before it is known which object it belongs to. */
export interface Issue {
  readonly severity: 'error' | 'warning'
  readonly code: ProblemCode
  readonly field: string
  readonly message: string
}

/** A value together with where it stood, for what is checked later. */
export interface Located<T> {
  readonly value: T
  readonly path: string
}

/**
 * Reads the fields of a JSON object of unknown shape. Each accessor returns the value when it has the right type
 * and otherwise undefined (or an empty list) after noting an issue, so that one pass finds every error. null counts
 * as absent, as it does for the API server. `finish` warns about the fields that nobody asked for.
 */
export class Fields {
  readonly path: string
  readonly issues: Issue[]
  readonly #object: Readonly<Record<string, unknown>>
  readonly #asked = new Set<string>()

  constructor(value: unknown, path: string, issues: Issue[]) {
    this.path = path
    this.issues = issues
    this.#object = {}
    if (isRecord(value)) this.#object = value
    else if (value !== undefined && value !== null)
      this.#note('error', 'FL_CRD_TYPE', path, wrong('an object', value))
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined
  }

  string(name: string): string | undefined {
    return this.#typed(name, 'a string', (value) => typeof value === 'string') as string | undefined
  }

  boolean(name: string, byDefault = false): boolean {
    return (this.#typed(name, 'true or false', (value) => typeof value === 'boolean') ?? byDefault) as boolean
  }

  /** @param explain the message for a number out of bounds, when the field has one of its own */
  integer(name: string, min: number, max: number, explain?: (value: number) => string): number | undefined {
    const value = this.#typed(name, 'a whole number', Number.isSafeInteger) as number | undefined
    if (value === undefined || (value >= min && value <= max)) return value
    this.error('FL_CRD_BOUNDS', name, explain?.(value) ?? `${value} must be in ${min}-${max}`)
    return undefined
  }

  strings(name: string): Located<string>[] {
    const found: Located<string>[] = []
    for (const { value, path } of this.list(name)) {
      if (typeof value === 'string') found.push({ value, path })
      else this.#note('error', 'FL_CRD_TYPE', path, wrong('a string', value))
    }
    return found
  }

  /**
   * As `strings`; an element that is there twice is an error.
   * @param what upstream's words for the list, when they are not its name
   */
  uniqueStrings(name: string, what = `of ${name}`): Located<string>[] {
    const seen = new Set<string>()
    return this.strings(name).filter(({ value, path }) => {
      if (!seen.has(value)) return seen.add(value)
      this.#note('error', 'FL_CRD_DUPLICATE', path, `duplicate definition ${what}: ${JSON.stringify(value)}`)
      return false
    })
  }

  object(name: string): Fields | undefined {
    return this.has(name) ? new Fields(this.#get(name), this.at(name), this.issues) : undefined
  }

  objects(name: string): Fields[] {
    return this.list(name).map(({ value, path }) => {
      // Absent and null elements are errors here: a list has no absent elements.
      if (value === null || value === undefined)
        this.#note('error', 'FL_CRD_TYPE', path, wrong('an object', value))
      return new Fields(value, path, this.issues)
    })
  }

  list(name: string): Located<unknown>[] {
    const value = this.#typed(name, 'a list', Array.isArray) as unknown[] | undefined
    return (value ?? []).map((element, index) => ({ value: element, path: `${this.at(name)}[${index}]` }))
  }

  /** The entries of an object whose values are texts (labels). */
  textMap(name: string): Record<string, string> {
    const map: Record<string, string> = {}
    const value = this.#typed(name, 'an object', isRecord) as Record<string, unknown> | undefined
    for (const [key, text] of Object.entries(value ?? {})) {
      if (typeof text === 'string') Object.defineProperty(map, key, { value: text, enumerable: true })
      else
        this.#note(
          'error',
          'FL_CRD_TYPE',
          `${this.at(name)}[${JSON.stringify(key)}]`,
          wrong('a string', text),
        )
    }
    return map
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`
  }

  error(code: ProblemCode, name: string, message: string): void {
    this.#note('error', code, this.at(name), message)
  }

  warn(code: ProblemCode, name: string, message: string): void {
    this.#note('warning', code, this.at(name), message)
  }

  /** An error at a path from `strings` or `list`. */
  errorAt(code: ProblemCode, path: string, message: string): void {
    this.#note('error', code, path, message)
  }

  /** A warning at a path from `strings` or `list`. */
  warnAt(code: ProblemCode, path: string, message: string): void {
    this.#note('warning', code, path, message)
  }

  /** Warns about every field that was not asked for. Call it once, after reading. */
  finish(): void {
    for (const name of Object.keys(this.#object)) {
      if (!this.#asked.has(name))
        this.#note(
          'warning',
          'FL_CRD_UNKNOWN_FIELD',
          this.at(name),
          `unknown field ${JSON.stringify(name)} is ignored`,
        )
    }
  }

  #get(name: string): unknown {
    this.#asked.add(name)
    return Object.hasOwn(this.#object, name) ? (this.#object[name] ?? undefined) : undefined
  }

  #typed(name: string, what: string, check: (value: unknown) => boolean): unknown {
    const value = this.#get(name)
    if (value === undefined || check(value)) return value
    this.error('FL_CRD_TYPE', name, wrong(what, value))
    return undefined
  }

  #note(severity: Issue['severity'], code: ProblemCode, field: string, message: string): void {
    this.issues.push({ severity, code, field, message })
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function wrong(wanted: string, value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
  return `must be ${wanted}, not ${kind}`
}

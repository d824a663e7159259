import type { Problem } from '#crds/config.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { OptionalReflector } from '#kube/optional-reflector.ts'
import { resources } from '#kube/resources.ts'
import { compileExclusions, defaultExclusions } from './layer2/interfaces.ts'

/** Upstream's names. */
const CONFIG_MAP = 'metallb-excludel2'
const KEY = 'excludel2.yaml'
const FIELD = 'announcedInterfacesToExclude'
/** Each is tried on each link name. */
const MOST_PATTERNS = 256

/** What is wrong with the text, or the patterns that it lists. */
type Parsed = { readonly patterns: readonly string[] } | { readonly problem: string }

/**
 * Reads MetalLB's list of link names that layer 2 leaves alone.
 * @param text of the key `excludel2.yaml`; undefined when the ConfigMap has none
 */
export async function parseExclusions(text: string | undefined): Promise<Parsed> {
  if (text === undefined) return { problem: `the key ${KEY} is missing` }
  // Most clusters have no such ConfigMap, and the parser takes 12 MB.
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text)
  const [error] = document.errors
  if (error !== undefined) return { problem: error.message.split('\n')[0] }
  const patterns = (document.toJS() as Record<string, unknown> | null)?.[FIELD]
  if (!Array.isArray(patterns) || patterns.some((one) => typeof one !== 'string'))
    return { problem: `${FIELD} must be a list of regular expressions` }
  if (patterns.length > MOST_PATTERNS)
    return { problem: `${FIELD} has ${patterns.length} entries, at most ${MOST_PATTERNS} are possible` }
  const [invalid] = compileExclusions(patterns as string[]).invalid
  if (invalid !== undefined) return { problem: `${JSON.stringify(invalid)} is not a regular expression` }
  return { patterns: patterns as string[] }
}

/**
 * The ConfigMap `metallb-excludel2`, and only that one: which links ARP and NDP are never spoken on. Without it
 * MetalLB's defaults count; one that is broken is told of, and what counted before goes on to count.
 */
export class ExclusionSource {
  readonly #namespace: string
  readonly #onChange: () => void
  readonly #reflector: OptionalReflector<{ readonly text: string | undefined }>
  #patterns: readonly string[] = defaultExclusions
  #problem = ''
  #reading: Promise<void> = Promise.resolve()
  #read = 0

  constructor(options: {
    readonly api: KubeApi
    readonly clock: Clock
    readonly namespace: string
    readonly onChange: () => void
    readonly onError: (error: unknown, retryInMs: number) => void
  }) {
    const { api, clock, namespace, onError } = options
    this.#namespace = namespace
    this.#onChange = options.onChange
    this.#reflector = new OptionalReflector({
      api,
      clock,
      resource: resources.configMaps,
      select: { namespace, fieldSelector: `metadata.name=${CONFIG_MAP}` },
      project: (object) => ({
        text: (object as KubeObject & { data?: Record<string, string> }).data?.[KEY],
      }),
      // A role of before may not grant it: that must not keep a node from announcing.
      absent: ['FL_KUBE_FORBIDDEN', 'FL_KUBE_NOT_FOUND'],
      onError,
    })
    this.#reflector.onChange(({ current }) => {
      this.#reading = this.#follow(current)
    })
  }

  /** in force now */
  get patterns(): readonly string[] {
    return this.#patterns
  }

  /** What is wrong with the ConfigMap as it is now. */
  get problems(): readonly Problem[] {
    if (this.#problem === '') return []
    const about = { kind: 'ConfigMap', namespace: this.#namespace, name: CONFIG_MAP, field: KEY }
    return [{ ...about, severity: 'error', code: 'FL_CRD_VALUE', message: this.#problem }]
  }

  get lastContact(): number {
    return this.#reflector.lastContact
  }

  /** the first list is complete, or it is known that there is none */
  get synced(): boolean {
    return this.#reflector.synced
  }

  async whenSynced(): Promise<void> {
    await this.#reflector.whenSynced()
    await this.#reading
  }

  start(): void {
    this.#reflector.start()
  }

  stop(): void {
    this.#reflector.stop()
  }

  async #follow(stored: { readonly text: string | undefined } | undefined): Promise<void> {
    const turn = ++this.#read
    const parsed = stored === undefined ? { patterns: defaultExclusions } : await parseExclusions(stored.text)
    // The first one takes longer to read than those that follow it.
    if (turn !== this.#read) return
    this.#problem = 'problem' in parsed ? parsed.problem : ''
    if ('patterns' in parsed) this.#patterns = parsed.patterns
    this.#onChange()
  }
}

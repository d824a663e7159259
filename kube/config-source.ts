import { isDeepStrictEqual } from 'node:util'
import { emptyConfig, type Config, type Problem } from '#crds/config.ts'
import { parseConfig, type ConfigObjects, type RawObject } from '#crds/parse.ts'
import { keyOf, type KubeApi, type KubeObject, type Resource } from './api.ts'
import type { Clock, Timer } from './clock.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'

export interface ConfigSourceOptions {
  readonly api: KubeApi
  readonly clock: Clock
  /** the only namespace whose custom resources count */
  readonly namespace: string
  readonly random?: () => number
  readonly onError?: (error: unknown, retryInMs: number) => void
}

/** An object that was deleted and made again under the same name since the configuration was parsed last. */
export type Recreated = Pick<Problem, 'kind' | 'namespace' | 'name'>

export type ConfigListener = (
  config: Config,
  previous: Config,
  problems: readonly Problem[],
  recreated: readonly Recreated[],
) => void

const sections = {
  pools: resources.ipAddressPools,
  l2Advertisements: resources.l2Advertisements,
  bgpAdvertisements: resources.bgpAdvertisements,
  peers: resources.bgpPeers,
  bfdProfiles: resources.bfdProfiles,
  communities: resources.communities,
} as const satisfies Record<keyof ConfigObjects, Resource>

const sectionNames = Object.keys(sections) as (keyof ConfigObjects)[]

interface ConfigObject extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly uid?: string }
}

/** What the parser reads; status and the rest of the metadata change without meaning anything to it. */
function project({ metadata, ...object }: KubeObject): ConfigObject {
  const { name, namespace, labels, creationTimestamp, uid } = metadata
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(uid === undefined ? {} : { uid }),
    },
    spec: (object as { spec?: unknown }).spec,
  }
}

/**
 * The configuration in force, from the custom resources of one namespace. Nothing is parsed before all lists are
 * complete; afterwards the changes of one turn are parsed together, against the configuration in force until then,
 * so that the last good version of an object stays when it breaks. An API outage changes nothing.
 */
export class ConfigSource {
  readonly #clock: Clock
  readonly #reflectors: Record<keyof ConfigObjects, Reflector<ConfigObject>>
  readonly #listeners = new Set<ConfigListener>()
  readonly #onError: NonNullable<ConfigSourceOptions['onError']>
  readonly #waiters: (() => void)[] = []
  #config: Config = emptyConfig
  #problems: readonly Problem[] = []
  /** by kind and key: the uid of each object that was parsed last */
  #uids: ReadonlyMap<string, string> = new Map()
  #synced = false
  #timer: Timer | undefined
  #stopped = false

  constructor({ api, clock, namespace, random, onError = () => {} }: ConfigSourceOptions) {
    this.#clock = clock
    this.#onError = onError
    const reflect = (resource: Resource) =>
      new Reflector({
        api,
        resource,
        select: { namespace },
        project,
        clock,
        onError,
        ...(random === undefined ? {} : { random }),
      })
    this.#reflectors = {
      pools: reflect(sections.pools),
      l2Advertisements: reflect(sections.l2Advertisements),
      bgpAdvertisements: reflect(sections.bgpAdvertisements),
      peers: reflect(sections.peers),
      bfdProfiles: reflect(sections.bfdProfiles),
      communities: reflect(sections.communities),
    }
  }

  /** The first configuration is in force; stays true through outages. */
  get synced(): boolean {
    return this.#synced
  }

  get config(): Config {
    return this.#config
  }

  get problems(): readonly Problem[] {
    return this.#problems
  }

  start(): void {
    for (const name of sectionNames) {
      const reflector = this.#reflectors[name]
      reflector.onChange(({ previous, current }) => {
        if (!isDeepStrictEqual(previous, current)) this.#schedule()
      })
      void reflector.whenSynced().then(() => this.#schedule())
      reflector.start()
    }
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    for (const name of sectionNames) this.#reflectors[name].stop()
  }

  /** Resolves when the first configuration is in force; never when stopped before. */
  whenSynced(): Promise<void> {
    if (this.#synced) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** Epoch milliseconds of the last contact, by resource plural. */
  lastContact(): Record<string, number> {
    return Object.fromEntries(
      sectionNames.map((name) => [sections[name].plural, this.#reflectors[name].lastContact]),
    )
  }

  /** The uid of the object that a problem is about, '' when it is gone: events need it. */
  uidOf({ kind, namespace, name }: Pick<Problem, 'kind' | 'namespace' | 'name'>): string {
    const section = sectionNames.find((one) => sections[one].kind === kind)
    if (section === undefined) return ''
    return this.#reflectors[section].store.get(keyOf({ namespace, name }))?.metadata.uid ?? ''
  }

  /** The objects as they are now, whether in force or not: for questions of the kind "what if". */
  objects(): ConfigObjects {
    const list = (name: keyof ConfigObjects) => [...this.#reflectors[name].store.values()]
    return {
      pools: list('pools'),
      l2Advertisements: list('l2Advertisements'),
      bgpAdvertisements: list('bgpAdvertisements'),
      peers: list('peers'),
      bfdProfiles: list('bfdProfiles'),
      communities: list('communities'),
    }
  }

  /**
   * Called when the configuration or its problems changed, the first configuration included; also when an object
   * came back as another one, which has no status yet, with the content that it had.
   * @returns a function that ends the subscription
   */
  onChange(listener: ConfigListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #schedule(): void {
    if (this.#stopped || sectionNames.some((name) => !this.#reflectors[name].synced)) return
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#parse()
    }, 0)
  }

  #parse(): void {
    const previous = this.#config
    const { config, problems } = parseConfig(this.objects(), previous)
    const recreated = this.#takeRecreated()
    const first = !this.#synced
    const changed =
      first || recreated.length > 0 || config !== previous || !isDeepStrictEqual(problems, this.#problems)
    this.#config = config
    this.#problems = problems
    this.#synced = true
    for (const resolve of this.#waiters.splice(0)) resolve()
    if (changed) this.#tell(previous, recreated)
  }

  #takeRecreated(): Recreated[] {
    const uids = new Map<string, string>()
    const recreated: Recreated[] = []
    for (const section of sectionNames) {
      const { kind } = sections[section]
      for (const [key, { metadata }] of this.#reflectors[section].store) {
        const { name, namespace = '', uid = '' } = metadata
        const former = this.#uids.get(`${kind} ${key}`)
        uids.set(`${kind} ${key}`, uid)
        if (former !== undefined && former !== uid) recreated.push({ kind, namespace, name })
      }
    }
    this.#uids = uids
    return recreated
  }

  /** One listener that fails must not keep the configuration from the others. */
  #tell(previous: Config, recreated: readonly Recreated[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(this.#config, previous, this.#problems, recreated)
      } catch (error) {
        this.#onError(error, 0)
      }
    }
  }
}

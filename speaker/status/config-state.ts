import type { Problem } from '#crds/config.ts'
import type { KubeApi, OwnerReference } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { ConfigStateWriter } from '#kube/config-state.ts'
import { WorkQueue } from '#kube/work-queue.ts'

export interface SpeakerConfigStateOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  readonly node: string
  /** the Node: what its speaker said goes with it */
  readonly owner: () => OwnerReference | undefined
  /** what is wrong with the configuration as this speaker sees it; undefined before it has seen all of it */
  readonly problems: () => readonly Problem[] | undefined
  readonly onError: (error: unknown) => void
}

/** At most one look in this many milliseconds, however often configuration changes or others write. */
const INTERVAL_MS = 1000

/** Keeps this node's ConfigurationState (`speaker-<node>`): what it thinks of the configuration that it follows. */
export class SpeakerConfigState {
  readonly #writer: ConfigStateWriter
  readonly #queue: WorkQueue

  constructor({ api, clock, namespace, node, owner, problems, onError }: SpeakerConfigStateOptions) {
    this.#writer = new ConfigStateWriter({
      api,
      clock,
      namespace,
      component: { speakerOn: node },
      owner,
      problems,
      onDisturbed: () => this.changed(),
      onError,
    })
    this.#queue = new WorkQueue({
      name: 'configurationstates',
      clock,
      reconcile: async () => {
        try {
          return await this.#writer.reconcile()
        } catch (error) {
          onError(error)
          return { kind: 'failed', error }
        }
      },
    })
  }

  start(): void {
    this.#queue.start()
    this.#writer.start()
  }

  /** Look at the configuration's problems again. */
  changed(): void {
    this.#queue.addAfter('self', INTERVAL_MS)
  }

  /** Resolves when everything that is due has been written. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  async stop(): Promise<void> {
    this.#writer.stop()
    await this.#queue.stop()
  }
}

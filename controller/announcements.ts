import { statusLabels } from '#crds/objects.ts'
import type { KubeObject } from '#kube/api.ts'
import { sharedList } from '#kube/objects/shared.ts'

/** One ServiceL2Status or ServiceBGPStatus: a node announces a Service. */
export interface Announcement {
  readonly service: string
  readonly node: string
  readonly protocol: 'layer2' | 'bgp'
  /** BGPPeers to which routes of it are told; undefined where that is not known */
  readonly peers?: readonly string[]
}

/** What is kept of a status object; its labels say all but the peers. */
export const projectAnnouncement =
  (protocol: Announcement['protocol']) =>
  ({ metadata: { labels = {} }, ...object }: KubeObject): Announcement => {
    const { peers } = (object as { status?: { peers?: string[] } }).status ?? {}
    return {
      service: `${labels[statusLabels.serviceNamespace] ?? ''}/${labels[statusLabels.serviceName] ?? ''}`,
      node: labels[statusLabels.node] ?? '',
      protocol,
      ...(protocol === 'layer2' || peers === undefined ? {} : { peers: sharedList(peers) }),
    }
  }

/** The announcements of each Service. */
export class AnnouncementIndex {
  readonly #byService = new Map<string, Map<string, Announcement>>()

  /** @param object key of the status object, unique among both kinds */
  change(object: string, previous: Announcement | undefined, current: Announcement | undefined): void {
    if (previous !== undefined) {
      const rest = this.#byService.get(previous.service)
      rest?.delete(object)
      if (rest?.size === 0) this.#byService.delete(previous.service)
    }
    if (current !== undefined) {
      const all = this.#byService.get(current.service) ?? new Map<string, Announcement>()
      this.#byService.set(current.service, all.set(object, current))
    }
  }

  /** The Services that some of these nodes announce. */
  *on(nodes: ReadonlySet<string>): IterableIterator<string> {
    for (const [service, all] of this.#byService)
      for (const { node } of all.values())
        if (nodes.has(node)) {
          yield service
          break
        }
  }

  of(service: string): Announcement[] {
    return [...(this.#byService.get(service)?.values() ?? [])]
  }
}

import type { Clock, Timer } from '#kube/clock.ts'
import { openRouteSocket, type RouteEvent, type RouteSocket } from '#raw-socket/netlink/route.ts'
import type { Link } from '../layer2/interfaces.ts'
import { LinkTable } from './link-table.ts'
import type { WireLog } from './logger.ts'

export interface LinkWatchOptions {
  readonly clock: Clock
  readonly log: WireLog
  /** something of this link is open: when it is removed, `onChange` comes at once */
  readonly isOpen: (index: number) => boolean
  /** the links are others now, or are to be looked at again */
  readonly onChange: () => void
}

/** After a listing or a socket failed. */
const retryDelay = 1000

/** The links of this network namespace, from rtnetlink. Changes that come together are told once. */
export class LinkWatch {
  readonly #options: LinkWatchOptions
  readonly #table = new LinkTable()
  #routes: RouteSocket | undefined
  #retry: Timer | undefined
  #due = false
  #listing = false
  #listWanted = false
  #running = false

  constructor(options: LinkWatchOptions) {
    this.#options = options
  }

  /** @throws SystemError when the kernel gives no rtnetlink socket */
  start(): void {
    this.#running = true
    this.#routes = openRouteSocket()
    this.#routes.watch((event) => this.#onEvent(event))
    void this.#list()
  }

  stop(): void {
    this.#running = false
    this.#retry?.cancel()
    this.#routes?.close()
  }

  links(): Link[] {
    return this.#table.links()
  }

  /** Lists again in a second: something could not be done with what there is. */
  again(): void {
    if (!this.#running) return
    this.#retry ??= this.#options.clock.setTimeout(() => {
      this.#retry = undefined
      void this.#list()
    }, retryDelay)
  }

  /** One listing at a time; what is asked for meanwhile is one more. */
  async #list(): Promise<void> {
    this.#listWanted = true
    if (this.#listing) return
    this.#listing = true
    try {
      while (this.#listWanted && this.#running) {
        this.#listWanted = false
        await this.#listOnce()
      }
    } finally {
      this.#listing = false
    }
  }

  async #listOnce(): Promise<void> {
    const routes = this.#routes as RouteSocket
    this.#table.listing()
    try {
      const links = await routes.listLinks()
      const addresses = await routes.listAddresses()
      if (!this.#running) return
      this.#table.listed(links, addresses)
    } catch (error) {
      if (!this.#running) return
      this.#options.log('error', 'cannot list interfaces; trying again', { error: String(error) })
      return this.again()
    }
    this.#tell()
  }

  #onEvent(event: RouteEvent): void {
    if (!this.#running) return
    if (event.kind === 'resync') return void this.#list()
    this.#table.apply(event)
    if (event.kind === 'link' && event.removed && this.#options.isOpen(event.link.index)) {
      // At once: its successor may get the same index, and a socket of the old one would hear nothing.
      this.#tell()
    } else if (!this.#due) {
      this.#due = true
      setImmediate(() => {
        if (this.#due && this.#running) this.#tell()
      })
    }
  }

  #tell(): void {
    this.#due = false
    this.#options.onChange()
  }
}

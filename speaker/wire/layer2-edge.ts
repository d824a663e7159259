import type { Clock, Timer } from '#kube/clock.ts'
import { openRouteSocket, type RouteEvent, type RouteSocket } from '#raw-socket/netlink/route.ts'
import type { Link } from '../layer2/interfaces.ts'
import { Layer2 } from '../layer2/layer2.ts'
import { InterfacePort } from './interface-port.ts'
import { LinkTable } from './link-table.ts'
import type { WireLog } from './logger.ts'
import type { WireAddress, WireObserved } from './protocol.ts'
import { Unheard } from './unheard.ts'

export interface Layer2EdgeOptions {
  readonly node: string
  readonly clock: Clock
  readonly random: () => number
  readonly post: (observed: WireObserved) => void
  readonly log: WireLog
}

const countersInterval = 1000
/** Of a frame that we failed on. */
const loggedOctets = 128
/** After a listing or a socket failed. */
const retryDelay = 1000

/** Layer 2 on the real network: rtnetlink and packet sockets on one side of the core, messages on the other. */
export class Layer2Edge {
  readonly #options: Layer2EdgeOptions
  readonly #core: Layer2
  readonly #table = new LinkTable()
  readonly #ports = new Map<number, InterfacePort>()
  readonly #unheard = new Unheard()
  /** groups that could not be joined and were not logged yet, and an example */
  #refused: { groups: number; interface: string; group: string; error: string } | undefined
  #routes: RouteSocket | undefined
  #wake: { at: number; timer: Timer } | undefined
  #countersTimer: Timer | undefined
  #retry: Timer | undefined
  #refreshDue = false
  #listing = false
  #listWanted = false
  #running = false

  constructor(options: Layer2EdgeOptions) {
    this.#options = options
    this.#core = new Layer2({ node: options.node, random: options.random })
  }

  /** @throws SystemError when the kernel gives no rtnetlink socket */
  start(): void {
    this.#running = true
    this.#routes = openRouteSocket()
    this.#routes.watch((event) => this.#onRouteEvent(event))
    void this.#list()
    this.#scheduleCounters()
  }

  addresses(put: readonly WireAddress[], remove: readonly string[]): void {
    this.#core.remove(remove)
    this.#unheard.forget(remove)
    this.#core.put(put)
    this.#settle()
  }

  exclude(patterns: readonly string[]): void {
    const { clock, log } = this.#options
    for (const pattern of this.#core.exclude(patterns, clock.now())) {
      log('warn', 'interface exclusion is not a regular expression and excludes nothing', { pattern })
    }
    this.#refresh()
  }

  /** Silent at once; then everything is closed. */
  stop(): void {
    if (!this.#running) return
    this.#core.stop()
    this.#settle()
    this.#postCounters()
    this.#running = false
    this.#routes?.close()
    for (const timer of [this.#wake?.timer, this.#countersTimer, this.#retry]) timer?.cancel()
    for (const port of this.#ports.values()) port.close()
    this.#ports.clear()
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
      this.#refresh()
    } catch (error) {
      if (!this.#running) return
      this.#options.log('error', 'cannot list interfaces; trying again', { error: String(error) })
      this.#again()
    }
  }

  #again(): void {
    this.#retry ??= this.#options.clock.setTimeout(() => {
      this.#retry = undefined
      void this.#list()
    }, retryDelay)
  }

  #onRouteEvent(event: RouteEvent): void {
    if (!this.#running) return
    if (event.kind === 'resync') return void this.#list()
    this.#table.apply(event)
    if (event.kind === 'link' && event.removed && this.#ports.has(event.link.index)) {
      // At once: its successor may get the same index, and a socket of the old one would hear nothing.
      this.#refresh()
    } else if (!this.#refreshDue) {
      this.#refreshDue = true
      setImmediate(() => {
        if (this.#refreshDue && this.#running) this.#refresh()
      })
    }
  }

  /** Opens and closes what the links call for; only an interface that can be heard is usable. */
  #refresh(): void {
    this.#refreshDue = false
    const links = this.#table.links()
    const wanted = new Map(links.filter((link) => this.#core.wants(link)).map((link) => [link.index, link]))
    for (const [index, port] of this.#ports) {
      if (wanted.has(index)) continue
      this.#ports.delete(index)
      this.#unheard.closed(index)
      port.close()
    }
    if ([...this.#ports.values()].filter((port) => port.retry()).length > 0) this.#again()
    for (const [index, link] of wanted) if (!this.#ports.has(index)) this.#open(link)
    const heard = links.map((link) =>
      wanted.has(link.index) && !this.#ports.has(link.index) ? { ...link, noSocket: true } : link,
    )
    this.#core.links(heard, this.#options.clock.now())
    this.#settle()
  }

  #open({ index, name }: Link): void {
    const { log } = this.#options
    try {
      const port = InterfacePort.open({
        index,
        name,
        onFrame: (frame) => this.#receive(frame, index),
        onError: (error) => log('warn', 'socket error', { interface: name, error: error.message }),
        onGroup: (group, refused) => this.#onGroup(index, name, group, refused),
      })
      this.#ports.set(index, port)
      for (const group of this.#core.groupsOn(index)) port.join(group)
    } catch (error) {
      log('error', 'cannot open a packet socket; trying again', { interface: name, error: String(error) })
      this.#again()
    }
  }

  /** Applies what came out different: silence and groups before announcements. */
  #settle(): void {
    const { clock, post } = this.#options
    const { interfaces, groups, holders } = this.#core.settle(clock.now())
    for (const { interfaceIndex, group, join } of groups) {
      const port = this.#ports.get(interfaceIndex)
      if (join) port?.join(group)
      else {
        port?.leave(group)
        this.#unheard.report(interfaceIndex, '', group, true)
      }
    }
    this.#logRefused()
    if (interfaces !== undefined) post({ kind: 'interfaces', interfaces })
    const told = this.#unheard.tell(holders, clock.now())
    if (told.length > 0) post({ kind: 'holders', holders: told })
    this.#tick()
  }

  /** Where a group cannot be joined its addresses are silent, and it is tried again with the next listing. */
  #onGroup(index: number, name: string, group: string, refused: Error | undefined): void {
    this.#unheard.report(index, name, group, refused === undefined)
    if (refused === undefined) return
    this.#refused ??= { groups: 0, interface: name, group, error: refused.message }
    this.#refused.groups++
  }

  #logRefused(): void {
    if (this.#refused === undefined) return
    const message = 'cannot join solicited-node groups: their addresses are silent on the interface'
    this.#options.log('error', message, this.#refused)
    this.#refused = undefined
    this.#again()
  }

  /** No frame may end the thread, whatever our parsers make of it. */
  #receive(frame: Uint8Array, index: number): Uint8Array | undefined {
    const { clock, log } = this.#options
    try {
      const answer = this.#core.receive(frame, index, clock.now())
      if (answer === 'conflict') this.#tick()
      else if (answer !== undefined && !this.#unheard.mutes(answer, index)) return answer
    } catch (error) {
      const octets = Buffer.from(frame).toString('hex', 0, loggedOctets)
      log('error', 'a frame could not be handled', { error: String(error), frame: octets })
    }
    return undefined
  }

  /** Does what is due now and sets the timer for what comes next. */
  #tick(): void {
    const { clock, post } = this.#options
    const { frames, conflicts, deadline } = this.#core.due(clock.now())
    for (const { interfaceIndex, frame } of frames) {
      if (!this.#unheard.mutes(frame, interfaceIndex)) this.#ports.get(interfaceIndex)?.send(frame)
    }
    for (const { address, mac, interfaceIndex, at } of conflicts) {
      post({ kind: 'conflict', address, mac, interface: this.#core.interfaceName(interfaceIndex), at })
    }
    this.#wakeAt(deadline)
  }

  #wakeAt(deadline: number | undefined): void {
    if (this.#wake?.at === deadline) return
    this.#wake?.timer.cancel()
    this.#wake = undefined
    if (deadline === undefined || !this.#running) return
    const { clock } = this.#options
    const timer = clock.setTimeout(
      () => {
        this.#wake = undefined
        this.#tick()
      },
      Math.ceil(Math.max(0, deadline - clock.now())),
    )
    this.#wake = { at: deadline, timer }
  }

  #scheduleCounters(): void {
    this.#countersTimer = this.#options.clock.setTimeout(() => {
      this.#postCounters()
      this.#scheduleCounters()
    }, countersInterval)
  }

  #postCounters(): void {
    const moved = this.#core.takeCounters()
    if (moved !== undefined) this.#options.post({ kind: 'counters', ...moved })
  }
}

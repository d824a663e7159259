import type { Clock, Timer } from '#kube/clock.ts'
import type { BfdSessions } from '../bfd/sessions.ts'
import type { GroupChange } from '../layer2/groups.ts'
import { Layer2 } from '../layer2/layer2.ts'
import { AnswerLatency } from './answer-latency.ts'
import { EventBatch } from './event-batch.ts'
import { InterfacePorts } from './interface-ports.ts'
import { LinkWatch } from './link-watch.ts'
import type { WireLog } from './logger.ts'
import { Neighbors } from './neighbors.ts'
import { OutsideSubnets } from './outside-subnets.ts'
import type {
  WireAddress,
  WireHolder,
  WireInterface,
  WireObserved,
  WireSelf,
  WireSpeaker,
} from './protocol.ts'
import { Settling } from './settling.ts'
import { Unheard } from './unheard.ts'

export interface Layer2EdgeOptions {
  readonly node: string
  readonly clock: Clock
  readonly random: () => number
  /** for watching the other speakers */
  readonly sessions: Pick<BfdSessions, 'acquire'>
  readonly post: (observed: WireObserved) => void
  readonly log: WireLog
}

const countersInterval = 1000
/** Of a frame that we failed on. */
const loggedOctets = 128
/** The core takes a longer time without a call for a time in which this process stood still. */
const pulse = 100
/** A planned stop that the core does not end by itself; it gives up after three seconds. */
const longestStop = 3500

/** Layer 2 on the real network: links, packet sockets and BFD on one side of the core, messages on the other. */
export class Layer2Edge {
  readonly #options: Layer2EdgeOptions
  readonly #core: Layer2
  readonly #links: LinkWatch
  readonly #neighbors: Neighbors
  readonly #events: EventBatch
  readonly #ports: InterfacePorts
  readonly #settling: Settling
  readonly #latency = new AnswerLatency()
  readonly #unheard = new Unheard()
  readonly #outside = new OutsideSubnets()
  #interfaces: readonly WireInterface[] = []
  #countersTimer: Timer | undefined
  #running = false
  #stop: { readonly done: Promise<void>; readonly resolve: () => void; readonly limit: Timer } | undefined

  constructor(options: Layer2EdgeOptions) {
    this.#options = options
    const { node, clock, random, sessions, post, log } = options
    this.#core = new Layer2({ node, random })
    this.#events = new EventBatch(clock, (events) => post({ kind: 'layer2Events', events }))
    this.#settling = new Settling({
      clock,
      apply: () => this.#apply(),
      due: () => this.#due(),
      onSettled: () => {
        if (this.#stop !== undefined && this.#core.stopped) this.#close()
      },
    })
    this.#links = new LinkWatch({
      clock,
      log,
      isOpen: (index) => this.#ports.has(index),
      onChange: () => this.#refresh(),
    })
    this.#ports = new InterfacePorts({
      log,
      onFrame: (frame, index) => this.#receive(frame, index),
      onAnswered: (family, microseconds) => this.#latency.answered(family, microseconds),
      groupsOn: (index) => this.#core.groupsOn(index),
      // Where a group cannot be joined its addresses are silent.
      onGroup: (index, name, group, heard) => this.#unheard.report(index, name, group, heard),
      onClosed: (index) => this.#unheard.closed(index),
      again: () => this.#links.again(),
    })
    this.#neighbors = new Neighbors({
      node,
      clock,
      sessions,
      onState: (name, state) => {
        this.#core.neighbor(name, state, clock.now())
        this.#settling.settle()
      },
      onDoubt: (name, suspect) => {
        this.#core.suspect(name, suspect, clock.now())
        this.#settling.settle()
      },
      onSpoke: (name, interval) => {
        if (this.#core.spoke(name, interval, clock.now())) this.#settling.settle()
      },
      onTold: (neighbors, gone) => post({ kind: 'neighbors', neighbors, gone }),
    })
  }

  /** @throws SystemError when the kernel gives no rtnetlink socket */
  start(): void {
    this.#running = true
    this.#links.start()
    this.#neighbors.start()
    this.#scheduleCounters()
  }

  addresses(put: readonly WireAddress[], remove: readonly string[]): void {
    this.#core.remove(remove)
    this.#unheard.forget(remove)
    this.#outside.forget(remove)
    this.#core.put(put)
    this.#settling.settle()
  }

  speakers(self: WireSelf, others: readonly WireSpeaker[]): void {
    this.#core.speakers(self, others, this.#options.clock.now())
    this.#settling.together(() => this.#neighbors.speakers(self, others))
  }

  exclude(patterns: readonly string[]): void {
    const { clock, log } = this.#options
    for (const pattern of this.#core.exclude(patterns, clock.now())) {
      log('warn', 'interface exclusion is not a regular expression and excludes nothing', { pattern })
    }
    this.#refresh()
  }

  /**
   * Planned stop: first the other speakers are told, who then take the addresses over; each is answered for until its
   * successor is heard, for three seconds at most. Then everything is closed.
   */
  stop(): Promise<void> {
    if (this.#stop !== undefined) return this.#stop.done
    if (!this.#running) return Promise.resolve()
    const { clock } = this.#options
    const { promise: done, resolve } = Promise.withResolvers<void>()
    this.#stop = { done, resolve, limit: clock.setTimeout(() => this.#close(), longestStop) }
    this.#neighbors.leave()
    this.#core.stop(clock.now())
    this.#settling.settle()
    return done
  }

  #close(): void {
    if (!this.#running) return
    this.#running = false
    this.#postCounters()
    this.#events.flush()
    this.#links.stop()
    this.#settling.stop()
    for (const timer of [this.#countersTimer, this.#stop?.limit]) timer?.cancel()
    this.#ports.close()
    this.#stop?.resolve()
  }

  /** Opens and closes what the links call for; only an interface that can be heard is usable. */
  #refresh(): void {
    if (!this.#running) return
    const links = this.#links.links()
    const wanted = new Map(links.filter((link) => this.#core.wants(link)).map((link) => [link.index, link]))
    this.#ports.update(wanted)
    const heard = links.map((link) =>
      wanted.has(link.index) && !this.#ports.has(link.index) ? { ...link, noSocket: true } : link,
    )
    this.#core.links(heard, this.#options.clock.now())
    this.#settling.settle()
  }

  #apply(): void {
    const { clock, post, log } = this.#options
    const now = clock.now()
    const { interfaces, groups, holders, events } = this.#core.settle(now)
    this.#events.add(events)
    this.#change(groups)
    this.#ports.logRefused()
    if (interfaces !== undefined) {
      this.#interfaces = interfaces
      post({ kind: 'interfaces', interfaces })
    }
    const told: WireHolder[] = this.#unheard.tell(holders, now)
    if (told.length > 0) post({ kind: 'holders', holders: told })
    const outside = this.#outside.find(told, this.#interfaces)
    if (outside.length > 0) {
      const message =
        'addresses are announced where no interface has a subnet with them: hosts there may not ask'
      log('warn', message, { addresses: outside.length, example: outside[0] })
    }
    if (interfaces !== undefined) this.#neighbors.interfaces(interfaces)
  }

  #change(groups: readonly GroupChange[]): void {
    for (const { interfaceIndex, group, join } of groups) {
      if (join) this.#ports.join(interfaceIndex, group)
      else {
        this.#ports.leave(interfaceIndex, group)
        this.#unheard.report(interfaceIndex, '', group, true)
      }
    }
    this.#ports.report()
  }

  /** No frame may end the thread, whatever our parsers make of it. */
  #receive(frame: Uint8Array, index: number): Uint8Array | undefined {
    const { clock, log } = this.#options
    this.#settling.arrived()
    try {
      const answer = this.#core.receive(frame, index, clock.now())
      if (answer === 'look') this.#settling.settle()
      else if (answer !== undefined && !this.#unheard.mutes(answer, index)) return answer
    } catch (error) {
      const octets = Buffer.from(frame).toString('hex', 0, loggedOctets)
      log('error', 'a frame could not be handled', { error: String(error), frame: octets })
    }
    return undefined
  }

  #due(): { changed: boolean; deadline: number } {
    const { clock, post } = this.#options
    const now = clock.now()
    const { frames, conflicts, deadline, changed } = this.#core.due(now)
    for (const { interfaceIndex, frame } of frames) {
      if (!this.#unheard.mutes(frame, interfaceIndex)) this.#ports.send(interfaceIndex, frame)
    }
    for (const { address, mac, interfaceIndex, at } of conflicts) {
      post({ kind: 'conflict', address, mac, interface: this.#core.interfaceName(interfaceIndex), at })
    }
    return { changed, deadline: Math.min(now + pulse, deadline ?? Infinity) }
  }

  #scheduleCounters(): void {
    this.#countersTimer = this.#options.clock.setTimeout(() => {
      this.#postCounters()
      this.#scheduleCounters()
    }, countersInterval)
  }

  #postCounters(): void {
    const moved = this.#core.takeCounters()
    const latencies = this.#latency.take()
    const lost = this.#ports.takeLost()
    if (moved === undefined && latencies === undefined && lost === undefined) return
    this.#options.post({
      kind: 'counters',
      addresses: [],
      ...moved,
      ...(latencies && { latencies }),
      ...(lost && { lost }),
    })
  }
}

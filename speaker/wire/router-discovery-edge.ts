import { networkInterfaces } from 'node:os'
import type { Clock, Timer } from '#kube/clock.ts'
import { routerDiscoveryFilter } from '#raw-socket/filters.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { etherType } from '../layer2/ethernet.ts'
import { GroupSocket } from './group-socket.ts'
import type { WireLog } from './logger.ts'
import type { LinkEnd } from './router-advertisement.ts'
import { RouterDiscovery } from './router-discovery.ts'

/** Where the peers of unnumbered sessions are. */
export interface Routers {
  /** The interfaces to look on, and no others. */
  want(interfaces: ReadonlySet<string>): void
  /** Link-local address of the router on an interface, or why there is none. */
  router(interfaceName: string): { readonly address: string } | { readonly problem: string }
  stop(): void
}

export interface RouterDiscoveryOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly log: WireLog
  /** a session with the router on this interface is up */
  readonly inUse: (interfaceName: string) => boolean
  /** what `router` says of some interface is different now */
  readonly onChange: () => void
}

/** The wanted interfaces are looked at so often. */
const pollInterval = 1000

interface Port {
  readonly index: number
  readonly socket: PacketSocket
  readonly groups: GroupSocket
}

/** Router discovery on the real network: packet sockets and a clock around the core. */
export class RouterDiscoveryEdge implements Routers {
  readonly #options: RouterDiscoveryOptions
  readonly #core: RouterDiscovery
  readonly #ports = new Map<string, Port>()
  /** why an interface cannot be used, in words */
  readonly #problems = new Map<string, string>()
  #wanted: ReadonlySet<string> = new Set()
  #poll: Timer | undefined
  #wake: Timer | undefined

  constructor(options: RouterDiscoveryOptions) {
    this.#options = options
    this.#core = new RouterDiscovery(options.random, options.inUse)
  }

  want(interfaces: ReadonlySet<string>): void {
    const same =
      interfaces.size === this.#wanted.size && [...interfaces].every((one) => this.#wanted.has(one))
    if (same) return
    this.#wanted = interfaces
    for (const name of this.#ports.keys()) if (!interfaces.has(name)) this.#close(name)
    this.#look()
  }

  router(interfaceName: string): { readonly address: string } | { readonly problem: string } {
    const address = this.#core.router(interfaceName)
    if (address !== undefined) return { address }
    const unheard = `no Router Advertisement has been heard on ${interfaceName} yet: the router has to send them (FRR does with "neighbor ${interfaceName} interface")`
    return { problem: this.#problems.get(interfaceName) ?? unheard }
  }

  stop(): void {
    this.want(new Set())
  }

  /** Interfaces come and go without a word here; a second later it is known. */
  #look(): void {
    this.#poll?.cancel()
    this.#poll = undefined
    const before = JSON.stringify([...this.#problems])
    this.#problems.clear()
    for (const name of this.#wanted) this.#lookAt(name)
    if (this.#wanted.size > 0) {
      this.#poll = this.#options.clock.setTimeout(() => this.#look(), pollInterval)
    }
    this.#tick()
    if (JSON.stringify([...this.#problems]) !== before) this.#options.onChange()
  }

  #lookAt(name: string): void {
    const found = endOf(name)
    if (typeof found === 'string' || this.#ports.get(name)?.index !== found.index) this.#close(name)
    if (typeof found === 'string') {
      this.#problems.set(name, found)
      return
    }
    if (!this.#ports.has(name) && !this.#open(name, found.index)) return
    this.#core.up(name, found.end, this.#options.clock.now())
  }

  #open(name: string, index: number): boolean {
    const { log } = this.#options
    const groups = new GroupSocket(name, () => {})
    try {
      const onError = (error: Error) => log('warn', 'socket error', { interface: name, error: error.message })
      const options = {
        interfaceIndex: index,
        etherType: etherType.ipv6,
        filter: routerDiscoveryFilter,
        onError,
      }
      const socket = openPacketSocket(options, (frame) => this.#receive(name, frame))
      // For solicitations only: advertisements come to all nodes.
      groups.join('ff02::2')
      this.#ports.set(name, { index, socket, groups })
      return true
    } catch (error) {
      groups.close()
      this.#problems.set(name, `Router Advertisements cannot be heard on ${name}: ${String(error)}`)
      return false
    }
  }

  #close(name: string): void {
    const port = this.#ports.get(name)
    if (port === undefined) return
    this.#ports.delete(name)
    port.socket.close()
    port.groups.close()
    const known = this.#core.router(name) !== undefined
    this.#core.down(name)
    if (known) this.#options.onChange()
  }

  #receive(name: string, frame: Uint8Array): void {
    const { clock, onChange } = this.#options
    const changed = this.#core.receive(name, frame, clock.now())
    this.#tick()
    if (changed) onChange()
  }

  #tick(): void {
    const { clock } = this.#options
    const now = clock.now()
    const { frames, deadline } = this.#core.due(now)
    for (const { interface: name, frame } of frames) this.#ports.get(name)?.socket.send(frame)
    this.#wake?.cancel()
    this.#wake =
      deadline === Infinity ? undefined : clock.setTimeout(() => this.#tick(), Math.max(1, deadline - now))
  }
}

/** Index, hardware and link-local address of an interface that is up, or why it cannot be used. */
function endOf(name: string): { readonly index: number; readonly end: LinkEnd } | string {
  const addresses = networkInterfaces()[name]
  if (addresses === undefined) return `there is no interface ${name} on this node that is up`
  const own = addresses.find(({ family, address }) => family === 'IPv6' && /^fe[89ab]/i.test(address))
  if (own?.family !== 'IPv6') return `interface ${name} has no link-local IPv6 address`
  return { index: own.scopeid, end: { mac: own.mac, linkLocal: own.address } }
}

import type { Server, Socket } from 'node:net'
import type { Connection } from '#bgp-ts/connection.ts'
import { addressAt, zoneAt } from '#bgp-ts/transport.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import { listenTcp, setMd5Key, type TcpOptions } from '#raw-socket/tcp.ts'
import { acceptPeer } from './bgp-connection.ts'
import { peerOf, wantedListeners, type ListenerPeer, type WantedListener } from './bgp-listener-plan.ts'
import type { WireLog } from './logger.ts'

export interface BgpListenerOptions {
  readonly clock: Clock
  readonly log: WireLog
  /** 179, for tests another one */
  readonly port: number
}

/** A peer, and where its connections go. */
export interface AcceptingPeer extends ListenerPeer {
  accept(connection: Connection): void
}

interface Listener {
  readonly wanted: WantedListener
  readonly server: Server
  /** set on the socket */
  passwords: ReadonlyMap<string, string>
}

/** Connections of one peer at a time: its session, and one that collides with it. */
const connectionsPerPeer = 2
/** After a socket could not be opened: its address may come back, or the other BGP speaker go. */
const retryDelay = 5000

/**
 * Listens for the peers that may connect, and only while there are any: otherwise the port is closed, which routers
 * understand at once. Who is no peer gets a reset and nothing else; what becomes of a peer's connection is for its
 * session to say.
 */
export class BgpListener {
  readonly #options: BgpListenerOptions
  readonly #listeners = new Map<string, Listener>()
  /** by name of the peer, connections that it has opened and that are still there */
  readonly #live = new Map<string, number>()
  /** keys of sockets that could not be opened, so that each failure is told once */
  readonly #failed = new Set<string>()
  #peers: readonly AcceptingPeer[] = []
  #retry: Timer | undefined
  #stopped = false

  constructor(options: BgpListenerOptions) {
    this.#options = options
  }

  /** All peers there are. What they call for is opened, the rest is closed; connections stay. */
  update(peers: readonly AcceptingPeer[]): void {
    if (this.#stopped) return
    this.#peers = peers
    const wanted = new Map(wantedListeners(peers).map((one) => [one.key, one]))
    // A socket for one address and one for all exclude each other: closing comes first.
    for (const [key, { server }] of this.#listeners) {
      if (wanted.has(key)) continue
      this.#listeners.delete(key)
      server.close()
    }
    for (const key of this.#failed) if (!wanted.has(key)) this.#failed.delete(key)
    for (const one of wanted.values()) {
      const listener = this.#listeners.get(one.key)
      if (listener === undefined) this.#open(one)
      else this.#sign(listener, one.passwords)
    }
  }

  stop(): void {
    this.update([])
    this.#stopped = true
    this.#retry?.cancel()
  }

  #open(wanted: WantedListener): void {
    const { log, port } = this.#options
    try {
      const server = listenTcp(this.#tcpOptions(wanted), (socket) => this.#connected(socket, wanted.device))
      server.on('error', (error) => log('error', 'the BGP listener failed', { error: error.message }))
      this.#listeners.set(wanted.key, { wanted, server, passwords: wanted.passwords })
      this.#failed.delete(wanted.key)
    } catch (error) {
      if (!this.#failed.has(wanted.key)) {
        const where = { address: wanted.address ?? '', device: wanted.device ?? '', port }
        log('error', 'cannot listen for BGP peers; trying again', { ...where, error: String(error) })
      }
      this.#failed.add(wanted.key)
      this.#again()
    }
  }

  #tcpOptions({ family, device, address, passwords }: WantedListener): TcpOptions {
    const unspecified = family === 4 ? '0.0.0.0' : '::'
    const local = address ?? unspecified
    const zone = device !== undefined && /^fe[89ab]/i.test(local) ? `%${device}` : ''
    return {
      family,
      local: { address: local + zone, port: this.#options.port },
      ...(device !== undefined && { device }),
      // Which peer it is, and how far it may be, is known only with its address: 255 suits all of them.
      ttl: 255,
      md5: [...passwords].map(([address, password]) => ({ address, password })),
    }
  }

  #again(): void {
    this.#retry ??= this.#options.clock.setTimeout(() => {
      this.#retry = undefined
      this.update(this.#peers)
    }, retryDelay)
  }

  /** Keys are changed in place: connections keep the one that they were opened with. */
  #sign(listener: Listener, passwords: ReadonlyMap<string, string>): void {
    for (const address of listener.passwords.keys()) {
      if (!passwords.has(address)) this.#setKey(listener, address, '')
    }
    for (const [address, password] of passwords) {
      if (listener.passwords.get(address) !== password) this.#setKey(listener, address, password)
    }
    listener.passwords = passwords
  }

  #setKey({ server }: Listener, address: string, password: string): void {
    try {
      setMd5Key(server, address, password)
    } catch (error) {
      const fields = { peer: address, error: String(error) }
      this.#options.log('error', 'cannot set the TCP MD5 key of a peer on the listener', fields)
    }
  }

  #connected(socket: Socket, bound: string | undefined): void {
    // An error is followed by 'close', which says enough.
    socket.on('error', () => {})
    const remote = addressAt(socket, 'remoteAddress')
    const local = addressAt(socket, 'localAddress')
    const device = bound ?? zoneAt(socket)
    const peer = remote && local && peerOf(this.#peers, { remote, local, device })
    if (peer === undefined) return void socket.resetAndDestroy()
    const { name } = peer.config
    const live = this.#live.get(name) ?? 0
    if (live >= connectionsPerPeer) return void socket.resetAndDestroy()
    try {
      const connection = acceptPeer(socket, peer.config)
      this.#live.set(name, live + 1)
      socket.once('close', () => this.#closed(name))
      peer.accept(connection)
    } catch (error) {
      this.#options.log('warn', 'a connection of a peer ended at once', { peer: name, error: String(error) })
      socket.destroy()
    }
  }

  #closed(name: string): void {
    const live = (this.#live.get(name) ?? 1) - 1
    if (live > 0) this.#live.set(name, live)
    else this.#live.delete(name)
  }
}

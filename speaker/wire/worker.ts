import { flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { startIdleCollection } from '#kube/idle-collection.ts'
import { BfdEdge } from './bfd-edge.ts'
import { isOnLink, UdpBfdPort } from './bfd-port.ts'
import { connectPeer } from './bgp-connection.ts'
import { BgpEdge } from './bgp-edge.ts'
import { BgpListener } from './bgp-listener.ts'
import { Layer2Edge } from './layer2-edge.ts'
import { wireLog } from './logger.ts'
import { threadPriority } from './priority.ts'
import { readMd5Counters } from './md5-counters.ts'
import type { WireDesired, WireObserved } from './protocol.ts'
import { RouterDiscoveryEdge } from './router-discovery-edge.ts'
import { inWallTime, wireClock } from './wire-clock.ts'
import type { WireWorkerData } from './wire-host.ts'

/**
 * Entry of the wire thread. It holds all that it needs to answer and to keep sessions, so nothing here waits for the
 * main thread. Whatever throws ends the thread, and with it the process.
 */
if (parentPort === null) throw new Error('worker.ts runs as a worker thread only')
const port = parentPort
// As in the main thread: a block that small buffers are cut from stays as long as any of them.
Buffer.poolSize = 8192
const { node } = workerData as WireWorkerData
const clock = wireClock()
const random = Math.random
/** More takes longer to collect than packets may wait for: some 30 ms. */
const largestCollected = 20 * 2 ** 20
/** RFC 4271 10 */
const bgpPort = 179
const post = (observed: WireObserved): void => port.postMessage(inWallTime(observed, clock.shift()))
const log = wireLog(post, clock)
const bfd = new BfdEdge({
  clock,
  random,
  port: (onDatagram) =>
    new UdpBfdPort(onDatagram, (error) => log('warn', 'BFD socket error', { error: error.message })),
  post,
  log,
})
const layer2 = new Layer2Edge({ node, clock, random, sessions: bfd.sessions, post, log })
const priority = threadPriority(clock)
const bgp = new BgpEdge({
  clock,
  random,
  connect: connectPeer,
  listener: new BgpListener({ clock, log, port: bgpPort }),
  routers: (hooks) => new RouterDiscoveryEdge({ clock, random, log, ...hooks }),
  bfd: bfd.sessions,
  onLink: isOnLink,
  md5: readMd5Counters,
  post,
  log,
})

port.on('message', (desired: WireDesired) => {
  switch (desired.kind) {
    case 'addresses':
      return layer2.addresses(desired.put, desired.remove)
    case 'speakers':
      return layer2.speakers(desired.self, desired.others)
    case 'excludeInterfaces':
      return layer2.exclude(desired.patterns)
    case 'peers':
      return bgp.peers(desired.peers)
    case 'routes':
      return bgp.routes(desired.put, desired.remove)
    case 'routesComplete':
      return bgp.routesComplete()
    case 'gracefulShutdown':
      return bgp.gracefulShutdown(desired.on, desired.sparing)
    case 'ask':
      return post({ kind: 'answer', id: desired.id, answer: bgp.answer(desired.question) })
    case 'stop':
      return void stop()
  }
})

async function stop(): Promise<void> {
  // Others take the addresses over while this node still answers for them; nothing else ends before.
  try {
    await layer2.stop()
  } catch (error) {
    // Routers must hear a Cease all the same.
    log('error', 'addresses could not be handed over', { error: String(error) })
  }
  // The Cease goes out first: a router that takes AdminDown for a failure has no session to drop any more.
  await Promise.all([bgp.stop(), bfd.stop()])
  priority.stop()
  post({ kind: 'stopped' })
  port.close()
}

priority.start()
layer2.start()
bgp.start()
bfd.start()
startIdleCollection({ largest: largestCollected, short: true })
// This thread's share; otherwise written at exit, and a process that is killed has none.
flushCompileCache()

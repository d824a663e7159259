import { flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '#kube/clock.ts'
import { BfdEdge } from './bfd-edge.ts'
import { isOnLink, UdpBfdPort } from './bfd-port.ts'
import { BgpEdge } from './bgp-edge.ts'
import { connectPeer } from './bgp-connection.ts'
import { Layer2Edge } from './layer2-edge.ts'
import { wireLog } from './logger.ts'
import { threadPriority } from './priority.ts'
import type { WireDesired, WireObserved } from './protocol.ts'
import type { WireWorkerData } from './wire-host.ts'

/**
 * Entry of the wire thread. It holds all that it needs to answer and to keep sessions, so nothing here waits for the
 * main thread. Whatever throws ends the thread, and with it the process.
 */
if (parentPort === null) throw new Error('worker.ts runs as a worker thread only')
const port = parentPort
const { node } = workerData as WireWorkerData
const clock = systemClock
const random = Math.random
const post = (observed: WireObserved): void => port.postMessage(observed)
const log = wireLog(post, clock)
const layer2 = new Layer2Edge({ node, clock, random, post, log })
const bfd = new BfdEdge({
  clock,
  random,
  port: (onDatagram) =>
    new UdpBfdPort(onDatagram, (error) => log('warn', 'BFD socket error', { error: error.message })),
  post,
  log,
})
const priority = threadPriority(clock)
const bgp = new BgpEdge({
  clock,
  random,
  connect: connectPeer,
  bfd: bfd.sessions,
  onLink: isOnLink,
  post,
  log,
})

port.on('message', (desired: WireDesired) => {
  switch (desired.kind) {
    case 'addresses':
      return layer2.addresses(desired.put, desired.remove)
    case 'excludeInterfaces':
      return layer2.exclude(desired.patterns)
    case 'peers':
      return bgp.peers(desired.peers)
    case 'routes':
      return bgp.routes(desired.put, desired.remove)
    case 'stop':
      return void stop()
  }
})

async function stop(): Promise<void> {
  layer2.stop()
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
// This thread's share; otherwise written at exit, and a process that is killed has none.
flushCompileCache()

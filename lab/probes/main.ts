import { closeSync, openSync, writeSync } from 'node:fs'
import { sightingsOf } from '#cli/l2-sightings.ts'
import { pcapHeader, pcapRecord } from '#cli/pcap.ts'
import { setRealTime } from '#raw-socket/libc.ts'
import { openRouteSocket } from '#raw-socket/netlink/route.ts'
import { openPacketSocket } from '#raw-socket/packet.ts'
import { etherType } from '#speaker/layer2/ethernet.ts'
import { requestFor } from './frames.ts'
import type { ProbeOptions, ProbeTick } from './messages.ts'

/**
 * The process that asks a LAN for addresses all the time and keeps what it hears: `ProbeOptions` as JSON is its
 * argument, a `ProbeTick` a line its output, and it ends with its standard input.
 */

const TICK_MS = 100

/** Wall-clock time that does not jump. */
const now = (): number => performance.timeOrigin + performance.now()

async function run(options: ProbeOptions): Promise<void> {
  hurry()
  const { addresses, everyMs, station } = options
  const interfaceIndex = await indexOf(options.interface)
  const file = openSync(options.file, 'w')
  // Written by this thread, in pieces: it must not wait for the threads of the pool, which are not in a hurry.
  let unwritten: Buffer[] = [pcapHeader()]
  let answers: Record<string, Record<string, number>> = {}
  const keep = (frame: Uint8Array): void => {
    const at = now()
    for (const { what, address, mac } of sightingsOf([{ at, frame }])) {
      unwritten.push(pcapRecord({ at, frame }))
      if (what !== 'answer') continue
      const counts = (answers[address] ??= {})
      counts[mac] = (counts[mac] ?? 0) + 1
    }
  }
  // Without a filter: the answers are for a station that is not this machine.
  const open = (type: number) => openPacketSocket({ interfaceIndex, etherType: type }, keep)
  const sockets = [open(etherType.arp), open(etherType.ipv6)] as const
  const requests = addresses.map((address) => ({
    socket: sockets[address.includes(':') ? 1 : 0],
    frame: requestFor(address, station),
  }))
  const ask = (): void => {
    for (const { socket, frame } of requests) {
      unwritten.push(pcapRecord({ at: now(), frame }))
      socket.send(frame)
    }
  }
  const tell = (): void => {
    const tick: ProbeTick = { at: now(), answers }
    console.log(JSON.stringify(tick))
    answers = {}
    writeSync(file, Buffer.concat(unwritten))
    unwritten = []
  }
  const timers = [setInterval(ask, everyMs), setInterval(tell, TICK_MS)]
  tell()
  process.stdin.resume().on('end', () => {
    for (const timer of timers) clearInterval(timer)
    for (const socket of sockets) socket.close()
    tell()
    closeSync(file)
    process.exit(0)
  })
}

/** /sys would show the interfaces of another namespace. */
async function indexOf(name: string): Promise<number> {
  const routes = openRouteSocket()
  try {
    const link = (await routes.listLinks()).find((one) => one.name === name)
    if (link === undefined) throw new Error(`there is no interface ${name}`)
    return link.index
  } finally {
    routes.close()
  }
}

/** A probe that waits for the processor takes its own pauses for somebody's silence. */
function hurry(): void {
  try {
    setRealTime(true)
  } catch {
    // Only root may; the gaps of an address that does not fail show how late it was.
  }
}

await run(JSON.parse(process.argv[2]) as ProbeOptions)

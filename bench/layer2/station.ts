/**
 * A client of the answer measurement, in a process of its own: `StationTask` as JSON is its argument. It prints
 * `ready`, begins with the first line of its standard input, and prints a `StationResult`.
 */
import { setRealTime } from '#raw-socket/libc.ts'
import { arpFilter } from '#raw-socket/filters.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { arpOperation, buildArp, parseArp } from '#speaker/layer2/arp.ts'
import { broadcastMac, etherType, macNumber } from '#speaker/layer2/ethernet.ts'

export interface StationTask {
  readonly kind: 'ask' | 'flood'
  readonly interfaceIndex: number
  readonly mac: string
  /** as numbers */
  readonly own: number
  /** asked for in turn with each other; of `flood` the first only */
  readonly targets: readonly number[]
  /** asked for as often as all targets together; absent for none */
  readonly yardstick?: number
  readonly ms: number
  /** requests of `flood` */
  readonly perSecond: number
}

export interface StationResult {
  /** microseconds until each answer */
  readonly targets: readonly number[]
  readonly yardstick: readonly number[]
  readonly sent: number
  readonly answered: number
}

/** After that a request counts as unanswered, and its time as this long. */
const LIMIT_MS = 1000
const PAUSE_MS = 1

const task = JSON.parse(process.argv[2]) as StationTask
const clientMac = macNumber(task.mac)

const requestFor = (address: number): Uint8Array =>
  buildArp({
    destination: broadcastMac,
    source: clientMac,
    operation: arpOperation.request,
    senderMac: clientMac,
    senderAddress: task.own,
    targetMac: 0,
    targetAddress: address,
  })

function open(onAnswer: (sender: number) => void): PacketSocket {
  const { interfaceIndex } = task
  return openPacketSocket({ interfaceIndex, etherType: etherType.arp, filter: arpFilter }, (frame) => {
    const packet = parseArp(frame)
    if (!('drop' in packet) && packet.destination === clientMac) onAnswer(packet.senderAddress)
  })
}

/** One request at a time, a target and the yardstick in turn, so that whatever the machine does meets both. */
async function ask(): Promise<StationResult> {
  let waiting: ((sender: number) => void) | undefined
  const socket = open((sender) => waiting?.(sender))
  const one = (address: number): Promise<number> =>
    new Promise((resolve) => {
      const started = process.hrtime.bigint()
      const done = (): void => {
        clearTimeout(limit)
        waiting = undefined
        resolve(Number(process.hrtime.bigint() - started) / 1000)
      }
      const limit = setTimeout(done, LIMIT_MS)
      waiting = (sender) => void (sender === address && done())
      socket.send(requestFor(address))
    })
  const targets: number[] = []
  const yardstick: number[] = []
  const end = performance.now() + task.ms
  for (let index = 0; performance.now() < end; index++) {
    targets.push(await one(task.targets[index % task.targets.length]))
    if (task.yardstick !== undefined) yardstick.push(await one(task.yardstick))
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  const answered = targets.filter((us) => us < LIMIT_MS * 1000).length
  return { targets, yardstick, sent: targets.length, answered }
}

/** Requests for one address at a steady rate, whether they are answered or not. */
async function flood(): Promise<StationResult> {
  const [target] = task.targets
  let answered = 0
  const socket = open((sender) => void (answered += Number(sender === target)))
  const frame = requestFor(target)
  const began = performance.now()
  let sent = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(performance.now() - began, task.ms)
      for (const due = (elapsed * task.perSecond) / 1000; sent < due; sent++) socket.send(frame)
      if (elapsed < task.ms) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  await new Promise((resolve) => setTimeout(resolve, LIMIT_MS))
  return { targets: [], yardstick: [], sent, answered }
}

try {
  setRealTime(true)
} catch {
  // Only root may.
}
console.log('ready')
process.stdin.once('data', async () => {
  console.log(JSON.stringify(await (task.kind === 'ask' ? ask() : flood())))
  process.exit(0)
})

import type { OutgoingFrame } from '../layer2/layer2.ts'
import { solicitedNodeGroup } from '../layer2/groups.ts'
import { advertisedAddress, isToAllNodes } from './advertised.ts'

interface Waiting extends OutgoingFrame {
  readonly address: string
  readonly at: number
}

/**
 * Milliseconds after which the kernel has reported a membership (RFC 3810): it does so two clock ticks after the group
 * was joined, and a tick is 10 ms at most.
 */
export const reportDelay = 30

/**
 * Advertisements of an address wait until its solicited-node group has been reported on the interface: whom they draw
 * there asks the group, and a switch that snoops MLD would keep the question away. Bounded by the number of addresses
 * that are announced within the delay.
 */
export class ReportDelay {
  /** when groups were joined, oldest first; those of long ago are left out */
  readonly #joined = new Map<string, number>()
  #waiting: Waiting[] = []

  joined(interfaceIndex: number, group: string, now: number): void {
    const key = keyOf(interfaceIndex, group)
    this.#joined.delete(key)
    this.#joined.set(key, now)
  }

  /** True when the frame is to be sent now; otherwise it is kept, and `due` gives it. */
  passes(outgoing: OutgoingFrame, now: number): boolean {
    if (this.#joined.size === 0) return true
    this.#expire(now)
    const address = advertisedAddress(outgoing.frame)
    if (address === undefined || !isToAllNodes(outgoing.frame)) return true
    const joined = this.#joined.get(keyOf(outgoing.interfaceIndex, solicitedNodeGroup(address)))
    if (joined === undefined) return true
    this.#waiting.push({ ...outgoing, address, at: joined + reportDelay })
    return false
  }

  /** The address is not held here any more: what waits would claim it. */
  forget(address: string): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((one) => one.address !== address)
  }

  /** The frames whose time has come. */
  due(now: number): readonly OutgoingFrame[] {
    if (this.#waiting.length === 0) return []
    const due = this.#waiting.filter(({ at }) => at <= now)
    if (due.length > 0) this.#waiting = this.#waiting.filter(({ at }) => at > now)
    return due
  }

  get deadline(): number | undefined {
    return this.#waiting.length === 0 ? undefined : Math.min(...this.#waiting.map(({ at }) => at))
  }

  #expire(now: number): void {
    for (const [key, at] of this.#joined) {
      if (now < at + reportDelay) return
      this.#joined.delete(key)
    }
  }
}

const keyOf = (interfaceIndex: number, group: string): string => `${interfaceIndex} ${group}`

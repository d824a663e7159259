import type { Family } from '#inet/address.ts'
import type { Link } from '../layer2/interfaces.ts'
import { InterfacePort } from './interface-port.ts'
import type { WireLog } from './logger.ts'
import type { LostFrames } from './protocol.ts'

export interface InterfacePortsOptions {
  /** what to send back for a frame; the frame is valid during the call only */
  readonly onFrame: (frame: Uint8Array, index: number) => Uint8Array | undefined
  /** what `onFrame` gave has been sent, so long after the frame had come; see `AnswerLatency` */
  readonly onAnswered: (family: Family, microseconds: number) => void
  /** groups that are wanted on an interface which is opened now */
  readonly groupsOn: (index: number) => readonly string[]
  /** a group could not be joined on the interface, or is heard there again */
  readonly onGroup: (index: number, name: string, group: string, heard: boolean) => void
  readonly onClosed: (index: number) => void
  /** something could not be opened or joined: `update` is to be called again, later */
  readonly again: () => void
  readonly log: WireLog
}

/** The interfaces that are open, by index. */
export class InterfacePorts {
  readonly #options: InterfacePortsOptions
  readonly #ports = new Map<number, InterfacePort>()
  /** groups that could not be joined and were not logged yet, and an example */
  #refused: { groups: number; interface: string; group: string; error: string } | undefined

  constructor(options: InterfacePortsOptions) {
    this.#options = options
  }

  has(index: number): boolean {
    return this.#ports.has(index)
  }

  /** Closes what is not wanted any more, opens what is new and tries again what was refused. */
  update(wanted: ReadonlyMap<number, Link>): void {
    for (const [index, port] of this.#ports) {
      if (wanted.has(index)) continue
      this.#ports.delete(index)
      this.#options.onClosed(index)
      port.close()
    }
    for (const [index, port] of this.#ports) port.renew(wanted.get(index) as Link)
    const refused = [...this.#ports.values()].filter((port) => port.retry())
    if (refused.length > 0) this.#options.again()
    for (const [index, link] of wanted) if (!this.#ports.has(index)) this.#open(link)
    this.logRefused()
  }

  /** Sends a whole Ethernet frame; it is lost when the interface is not open. */
  send(index: number, frame: Uint8Array): void {
    this.#ports.get(index)?.send(frame)
  }

  join(index: number, group: string): void {
    this.#ports.get(index)?.join(group)
  }

  leave(index: number, group: string): void {
    this.#ports.get(index)?.leave(group)
  }

  /** Whatever is sent after that is sent to switches that know which groups were joined. */
  report(): void {
    for (const port of this.#ports.values()) port.report()
  }

  /** One line for all groups that were refused since the last one. */
  logRefused(): void {
    if (this.#refused === undefined) return
    const message = 'cannot join solicited-node groups: their addresses are silent on the interface'
    this.#options.log('error', message, this.#refused)
    this.#refused = undefined
    this.#options.again()
  }

  /** Totals of the interfaces on which frames were lost since the last call; undefined for none. */
  takeLost(): LostFrames[] | undefined {
    const lost = [...this.#ports.values()].flatMap((port) => port.takeLost() ?? [])
    return lost.length > 0 ? lost : undefined
  }

  close(): void {
    for (const port of this.#ports.values()) port.close()
    this.#ports.clear()
  }

  #open(link: Link): void {
    const { log, onFrame, onAnswered, groupsOn, again } = this.#options
    const { index, name } = link
    try {
      const port = InterfacePort.open({
        link,
        onAnswered,
        onFrame: (frame) => onFrame(frame, index),
        onError: (error) => log('warn', 'socket error', { interface: name, error: error.message }),
        onGroup: (group, refused) => this.#onGroup(index, name, group, refused),
      })
      this.#ports.set(index, port)
      for (const group of groupsOn(index)) port.join(group)
      port.report()
    } catch (error) {
      log('error', 'cannot open a packet socket; trying again', { interface: name, error: String(error) })
      again()
    }
  }

  #onGroup(index: number, name: string, group: string, refused: Error | undefined): void {
    this.#options.onGroup(index, name, group, refused === undefined)
    if (refused === undefined) return
    this.#refused ??= { groups: 0, interface: name, group, error: refused.message }
    this.#refused.groups++
  }
}

import { earliest } from './deadlines.ts'
import type { Path } from './peers.ts'
import type { Doubt } from './suspicion.ts'

/**
 * How often every question is put, and milliseconds from one to the next; the verdict comes as long after the last. A
 * refusal says something by itself; silence may be two lost packets in a row.
 */
const schedules = {
  refused: { rounds: 2, gap: 35 },
  overdue: { rounds: 3, gap: 30 },
} as const satisfies Record<Doubt, { readonly rounds: number; readonly gap: number }>
/** Milliseconds for which a machine must have been silent, beyond its next packet, before it is taken for gone. */
export const inquestTime = schedules.overdue.rounds * schedules.overdue.gap
/** As with probes before a take-over: an answer may lie in the socket of a thread that could not run. */
const lateness = 15
const secondLook = 20
/** When the budget has no room. */
const postponed = 10

/** A node whose kernel can be asked for the node's own address. */
export interface Host {
  readonly node: string
  readonly path: Path
  /** of this node, and the one that is asked for */
  readonly local: string
  readonly remote: string
}

export interface Case {
  readonly doubt: Doubt
  /** addresses that the node was heard to hold */
  readonly addresses: readonly string[]
  /** itself; asked for silence only, since a refusal proves that its kernel lives */
  readonly host: Host | undefined
  /** others: if nobody answers, it is this node that hears nothing */
  readonly witnesses: readonly Host[]
}

interface Inquest extends Case {
  sent: number
  graced: boolean
  witnessed: boolean
}

export interface InquestQuestion {
  readonly addresses: readonly string[]
  readonly hosts: readonly Host[]
}

/** Nodes that may have failed, and what is asked to find out: whatever they are heard to say ends it. */
export class Inquests {
  readonly #inquests = new Map<string, Inquest>()
  readonly #at = new Map<string, number>()

  begin(node: string, one: Case, now: number): void {
    this.#inquests.set(node, { ...one, sent: 0, graced: false, witnessed: false })
    this.#at.set(node, now)
  }

  end(node: string): void {
    this.#inquests.delete(node)
    this.#at.delete(node)
  }

  clear(): void {
    this.#inquests.clear()
    this.#at.clear()
  }

  get open(): boolean {
    return this.#inquests.size > 0
  }

  /** A station was heard on the interface. @param node undefined: it is none of the cluster */
  heard(node: string | undefined, interfaceIndex: number): void {
    for (const [suspect, inquest] of this.#inquests) {
      if (inquest.host === undefined) continue
      if (node === suspect) this.end(suspect)
      else if (inquest.host.path.interfaceIndex === interfaceIndex) inquest.witnessed = true
    }
  }

  /**
   * Questions to put now.
   * @param take whether the budget has room for so many frames
   */
  questions(now: number, take: (frames: number) => boolean): InquestQuestion[] {
    const questions: InquestQuestion[] = []
    for (const [node, inquest] of this.#inquests) {
      const { rounds, gap } = schedules[inquest.doubt]
      if (inquest.sent === rounds || (this.#at.get(node) as number) > now) continue
      const { addresses, host, witnesses, witnessed } = inquest
      const hosts = host === undefined ? [] : witnessed ? [host] : [host, ...witnesses]
      if (!take(addresses.length + hosts.length)) {
        this.#at.set(node, now + postponed)
        continue
      }
      inquest.sent++
      this.#at.set(node, now + gap)
      questions.push({ addresses, hosts })
    }
    return questions
  }

  /**
   * Nodes that stayed silent to the end. Where nobody else was heard either nothing follows from it, and the
   * inquest is over as well.
   */
  verdicts(now: number): { readonly node: string; readonly doubt: Doubt }[] {
    const silent: { node: string; doubt: Doubt }[] = []
    for (const [node, inquest] of this.#inquests) {
      const at = this.#at.get(node) as number
      if (inquest.sent < schedules[inquest.doubt].rounds || at > now) continue
      if (!inquest.graced && now - at > lateness) {
        inquest.graced = true
        this.#at.set(node, now + secondLook)
        continue
      }
      this.end(node)
      if (inquest.host === undefined || inquest.witnessed) silent.push({ node, doubt: inquest.doubt })
    }
    return silent
  }

  next(): number | undefined {
    return earliest(...this.#at.values())
  }
}

import { Deadlines } from './deadlines.ts'
import type { Path } from './peers.ts'

/**
 * Why a node is asked, by itself, whether it holds an address, and how: how often at most, and milliseconds to wait
 * for each answer.
 */
export const checks = {
  /** now and then: the holder may live and be silent */
  verify: { tries: 2, wait: 500 },
  /** this node has given way to it: the other may have given way, too */
  yielded: { tries: 2, wait: 100 },
  /** it is dead as far as anybody knows, and claims the address: can it be reached at all? */
  challenge: { tries: 3, wait: 50 },
  /** it was told to give way: has it? */
  contest: { tries: 4, wait: 100 },
  /** everybody: it was taken, and two may answer for it if a frame was lost */
  aftermath: { tries: 10, wait: 200 },
} as const satisfies Record<string, { readonly tries: number; readonly wait: number }>

export type CheckPurpose = keyof typeof checks

/** A question to send now; without a path it is to all. */
export interface Question {
  readonly address: string
  readonly path?: Path
}

/** A node that did not answer. */
export interface Unanswered {
  readonly address: string
  readonly node: string
  readonly purpose: CheckPurpose
}

interface Check {
  /** undefined: everybody is asked */
  readonly node: string | undefined
  readonly path: Path | undefined
  readonly purpose: CheckPurpose
  sent: number
  graced: boolean
}

/** As with probes: an answer may lie in the socket of a thread that could not run. */
const lateness = 15
const secondLook = 20
const crowd = 64
/** When the budget has no room. */
const postponed = 10

/** Questions to one node about one address. At most one is open for an address. */
export class Checks {
  readonly #checks = new Map<string, Check>()
  readonly #due = new Deadlines<string>()

  start(address: string, node: string, path: Path, purpose: CheckPurpose, at: number): void {
    this.#checks.set(address, { node, path, purpose, sent: 0, graced: false })
    this.#due.set(address, at)
  }

  /** Asks everybody, unless so much is being asked already that the answers would come too late to matter. */
  askAll(address: string, at: number): void {
    if (this.#checks.size >= crowd) return
    this.#checks.set(address, {
      node: undefined,
      path: undefined,
      purpose: 'aftermath',
      sent: 0,
      graced: false,
    })
    this.#due.set(address, at)
  }

  stop(address: string): void {
    this.#checks.delete(address)
    this.#due.delete(address)
  }

  /** The node has answered; a question that was not sent yet stays. */
  answered(address: string, node: string): void {
    const check = this.#checks.get(address)
    if (check?.node === node && check.sent > 0) this.stop(address)
  }

  /** The node has announced the address: what it did not answer before that says nothing, and it is asked anew. */
  announced(address: string, node: string, now: number): void {
    const check = this.#checks.get(address)
    if (check?.node !== node || check.purpose !== 'verify' || check.sent === 0) return
    check.sent = 0
    check.graced = false
    this.#due.set(address, now + checks.verify.wait)
  }

  purposeOf(address: string): CheckPurpose | undefined {
    return this.#checks.get(address)?.purpose
  }

  /**
   * Questions to send now and those that stay without an answer.
   * @param take whether the budget has room for one of this purpose
   */
  step(
    now: number,
    take: (purpose: CheckPurpose) => boolean,
  ): { readonly questions: readonly Question[]; readonly unanswered: readonly Unanswered[] } {
    const questions: Question[] = []
    const unanswered: Unanswered[] = []
    for (;;) {
      const address = this.#due.due(now)
      if (address === undefined) break
      const check = this.#checks.get(address) as Check
      const { node, path, purpose } = check
      const { tries, wait } = checks[purpose]
      if (check.sent > 0 && !check.graced && now - (this.#due.get(address) as number) > lateness) {
        check.graced = true
        this.#due.set(address, now + secondLook)
      } else if (check.sent === tries) {
        this.stop(address)
        if (node !== undefined) unanswered.push({ address, node, purpose })
      } else if (take(purpose)) {
        check.sent++
        check.graced = false
        this.#due.set(address, now + wait)
        questions.push({ address, ...(path && { path }) })
      } else {
        this.#due.set(address, now + postponed)
      }
    }
    return { questions, unanswered }
  }

  next(): number | undefined {
    return this.#due.next()
  }
}

/** Those that can wait: they have a budget of their own besides that of all frames. */
export const patientChecks: ReadonlySet<CheckPurpose> = new Set(['verify', 'aftermath'])

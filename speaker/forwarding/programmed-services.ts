import { formatAddress, tryParseAddress } from '#inet/address.ts'
import type { Planner } from './planner.ts'

/** Another proxy forwards the Service: there is nothing of ours that its announcement could wait for. */
const ELSEWHERE = 'elsewhere'

type Programmed = readonly string[] | typeof ELSEWHERE | undefined

/** Which Services are in the data plane, and with which of their addresses. */
export class ProgrammedServices {
  readonly #planner: Planner
  /** Service -> the addresses whose frontends are all in the data plane, or that another proxy has them */
  readonly #programmed = new Map<string, readonly string[] | typeof ELSEWHERE>()

  constructor(planner: Planner) {
    this.#planner = planner
  }

  keys(): Iterable<string> {
    return this.#programmed.keys()
  }

  /** The plans of these Services are in the data plane now; gives those for which that is something new. */
  settle(services: Iterable<string>): string[] {
    const changed: string[] = []
    for (const key of services) {
      const now = this.#addresses(key)
      if (same(this.#programmed.get(key), now)) continue
      if (now === undefined) this.#programmed.delete(key)
      else this.#programmed.set(key, now)
      changed.push(key)
    }
    return changed
  }

  /** With an address, in any text form: all frontends at that one, which may have come later than the others. */
  has(key: string, address?: string): boolean {
    const programmed = this.#programmed.get(key)
    if (programmed === undefined) return false
    if (programmed === ELSEWHERE || address === undefined) return true
    return programmed.includes(address) || programmed.includes(canonical(address))
  }

  /** By us: what another proxy does is not known. */
  inDataplane(key: string): boolean {
    const programmed = this.#programmed.get(key)
    return programmed !== undefined && programmed !== ELSEWHERE
  }

  /** undefined: no frontend of the Service is in the data plane */
  #addresses(key: string): Programmed {
    const plan = this.#planner.plan(key)
    if (plan?.skipped === 'other proxy') return ELSEWHERE
    const frontends = plan?.frontends ?? []
    const conflicts = this.#planner.conflicts(key)
    if (frontends.length <= conflicts.length) return undefined
    const [first] = frontends
    if (frontends.length === 1) return [first.address]
    const addresses = new Set(frontends.map(({ address }) => address))
    for (const { frontend } of conflicts) addresses.delete(frontend.address)
    return [...addresses]
  }
}

const canonical = (text: string): string => {
  const address = tryParseAddress(text)
  return address === undefined ? text : formatAddress(address)
}

const same = (a: Programmed, b: Programmed): boolean =>
  a === b ||
  (typeof a === 'object' &&
    typeof b === 'object' &&
    a.length === b.length &&
    a.every((address) => b.includes(address)))

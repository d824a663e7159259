import { formatAddress, type Address } from '#inet/address.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Decision, NotOurs } from './decide.ts'

/**
 * Addresses that Services no longer have by decision, but still show in their status: until that is written nobody
 * else may show them, or two Services would have one address in the eyes of everybody who reads, and after a crash in
 * the eyes of the next leader, too.
 */
export class LeavingAddresses {
  readonly #byKey = new Map<string, readonly string[]>()
  readonly #keys = new Map<string, Set<string>>()

  /**
   * @param service as it was read; what it shows is certain only when it is `fresh`
   * @param had what it had before this decision
   * @returns true when it must be read again, because only that can tell what it shows
   */
  update(
    key: string,
    service: Service,
    had: readonly Address[],
    decision: Decision | NotOurs,
    fresh: boolean,
  ): boolean {
    // What another class serves is none of ours.
    const foreign = 'notOurs' in decision && decision.notOurs === 'ClassNotOurs'
    const has = 'notOurs' in decision ? [] : decision.addresses.map(formatAddress)
    const shown = foreign ? [] : shownBy(service)
    const perhaps = fresh ? [] : [...had.map(formatAddress), ...(this.#byKey.get(key) ?? [])]
    const leaving = [...new Set([...shown, ...perhaps])].filter((address) => !has.includes(address))
    this.#replace(key, leaving)
    return leaving.some((address) => !shown.includes(address))
  }

  /** A Service, as it was just read, shows what it does not have. */
  set(key: string, service: Service, has: readonly Address[]): void {
    const texts = has.map(formatAddress)
    this.#replace(
      key,
      shownBy(service).filter((address) => !texts.includes(address)),
    )
  }

  /** The Service shows what it has, or is gone. */
  forget(key: string): void {
    this.#replace(key, [])
  }

  /** A new term begins. */
  clear(): void {
    this.#byKey.clear()
    this.#keys.clear()
  }

  #replace(key: string, addresses: readonly string[]): void {
    for (const address of this.#byKey.get(key) ?? []) {
      const keys = this.#keys.get(address)
      keys?.delete(key)
      if (keys?.size === 0) this.#keys.delete(address)
    }
    if (addresses.length === 0) return void this.#byKey.delete(key)
    this.#byKey.set(key, addresses)
    for (const address of addresses) {
      const keys = this.#keys.get(address) ?? new Set()
      this.#keys.set(address, keys.add(key))
    }
  }

  /** Does another Service still show one of the addresses that this one is to show and does not yet? */
  blocks(key: string, service: Service, addresses: readonly Address[]): boolean {
    if (this.#keys.size === 0) return false
    const shown = shownBy(service)
    return addresses.map(formatAddress).some((address) => {
      const keys = this.#keys.get(address)
      return keys !== undefined && (keys.size > 1 || !keys.has(key)) && !shown.includes(address)
    })
  }
}

const shownBy = ({ ingress }: Service): string[] => ingress.flatMap(({ ip }) => ip ?? [])

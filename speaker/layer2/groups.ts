import { addressFromBytes, addressToBytes, formatAddress, parseAddress } from '#inet/address.ts'
import { solicitedNode } from './ndp.ts'

/** A solicited-node group to join or leave on an interface. */
export interface GroupChange {
  readonly interfaceIndex: number
  /** ff02::1:ffXX:XXXX */
  readonly group: string
  readonly join: boolean
}

/** The group in which solicitations for an IPv6 address arrive, as text. */
export const solicitedNodeGroup = (address: string): string =>
  formatAddress(addressFromBytes(solicitedNode(addressToBytes(parseAddress(address)))))

/** Who needs which group: addresses that end in the same 24 bits share one, so it is left only with the last of them. */
export class Groups {
  readonly #users = new Map<string, Set<string>>()
  readonly #where = new Map<string, readonly number[]>()

  /**
   * Where the group of an address is wanted from now on.
   * @returns the changes to make
   */
  set(address: string, interfaceIndexes: readonly number[]): GroupChange[] {
    const before = this.#where.get(address) ?? []
    if (before.length === 0 && interfaceIndexes.length === 0) return []
    const group = solicitedNodeGroup(address)
    if (interfaceIndexes.length === 0) this.#where.delete(address)
    else this.#where.set(address, interfaceIndexes)
    return [
      ...before
        .filter((index) => !interfaceIndexes.includes(index))
        .flatMap((index) => this.#exit(address, group, index)),
      ...interfaceIndexes
        .filter((index) => !before.includes(index))
        .flatMap((index) => this.#enter(address, group, index)),
    ]
  }

  /** What a socket that is opened now has to join. */
  on(interfaceIndex: number): string[] {
    const end = `%${interfaceIndex}`
    return [...this.#users.keys()].filter((key) => key.endsWith(end)).map((key) => key.slice(0, -end.length))
  }

  #enter(address: string, group: string, interfaceIndex: number): GroupChange[] {
    const key = `${group}%${interfaceIndex}`
    const users = this.#users.get(key)
    if (users !== undefined) {
      users.add(address)
      return []
    }
    this.#users.set(key, new Set([address]))
    return [{ interfaceIndex, group, join: true }]
  }

  #exit(address: string, group: string, interfaceIndex: number): GroupChange[] {
    const key = `${group}%${interfaceIndex}`
    const users = this.#users.get(key)
    if (!users?.delete(address) || users.size > 0) return []
    this.#users.delete(key)
    return [{ interfaceIndex, group, join: false }]
  }
}

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

/**
 * Who needs which group: addresses that end in the same 24 bits share one, so it is left only with the last of
 * them. Both methods return the change to make, if any.
 */
export class Groups {
  readonly #users = new Map<string, Set<string>>()

  enter(address: string, interfaceIndex: number): GroupChange | undefined {
    const group = solicitedNodeGroup(address)
    const key = `${group}%${interfaceIndex}`
    const users = this.#users.get(key)
    if (users !== undefined) {
      users.add(address)
      return undefined
    }
    this.#users.set(key, new Set([address]))
    return { interfaceIndex, group, join: true }
  }

  exit(address: string, interfaceIndex: number): GroupChange | undefined {
    const group = solicitedNodeGroup(address)
    const key = `${group}%${interfaceIndex}`
    const users = this.#users.get(key)
    if (!users?.delete(address) || users.size > 0) return undefined
    this.#users.delete(key)
    return { interfaceIndex, group, join: false }
  }

  /** What a socket that is opened now has to join. */
  on(interfaceIndex: number): string[] {
    const end = `%${interfaceIndex}`
    return [...this.#users.keys()].filter((key) => key.endsWith(end)).map((key) => key.slice(0, -end.length))
  }
}

import { formatAddress } from '#inet/address.ts'
import type { Link as KernelLink, LinkAddress, RouteEvent } from '#raw-socket/netlink/route.ts'
import { macText } from '../layer2/ethernet.ts'
import type { Link } from '../layer2/interfaces.ts'

/**
 * Interfaces and their addresses as the kernel told them: a first listing, then events. Events that come while a
 * listing is under way are kept and applied to it again, since the listing may be older than they are.
 */
export class LinkTable {
  readonly #links = new Map<number, KernelLink>()
  readonly #addresses = new Map<string, LinkAddress>()
  #sinceListing: RouteEvent[] | undefined

  /** A listing has been asked for. */
  listing(): void {
    this.#sinceListing = []
  }

  listed(links: readonly KernelLink[], addresses: readonly LinkAddress[]): void {
    this.#links.clear()
    this.#addresses.clear()
    for (const link of links) this.#links.set(link.index, link)
    for (const address of addresses) this.#addresses.set(addressKey(address), address)
    for (const event of this.#sinceListing ?? []) this.#change(event)
    this.#sinceListing = undefined
  }

  apply(event: RouteEvent): void {
    this.#sinceListing?.push(event)
    this.#change(event)
  }

  /** As layer 2 wants to see them. */
  links(): Link[] {
    const prefixes = new Map<number, string[]>()
    for (const { interfaceIndex, address, length, flags } of this.#addresses.values()) {
      // An address that failed duplicate address detection, or has not passed it yet, must not be sent from.
      if (flags.tentative || flags.dadFailed) continue
      const list = prefixes.get(interfaceIndex) ?? []
      list.push(`${formatAddress(address)}/${length}`)
      prefixes.set(interfaceIndex, list)
    }
    return [...this.#links.values()].map((link) => ({
      index: link.index,
      name: link.name,
      mac: link.mac.length === 6 ? macText(Buffer.from(link.mac).readUIntBE(0, 6)) : '',
      up: link.flags.up,
      carrier: link.flags.lowerUp,
      loopback: link.flags.loopback,
      broadcast: link.flags.broadcast,
      noArp: link.flags.noArp,
      // An interface in a VRF still speaks for itself; a port of a bridge or bond does not.
      master: this.#links.get(link.master)?.kind === 'vrf' ? 0 : link.master,
      prefixes: (prefixes.get(link.index) ?? []).sort(),
    }))
  }

  #change(event: RouteEvent): void {
    if (event.kind === 'link') {
      if (!event.removed) {
        this.#links.set(event.link.index, event.link)
        return
      }
      this.#links.delete(event.link.index)
      for (const [key, address] of this.#addresses) {
        if (address.interfaceIndex === event.link.index) this.#addresses.delete(key)
      }
    } else if (event.kind === 'address') {
      if (event.removed) this.#addresses.delete(addressKey(event.address))
      else this.#addresses.set(addressKey(event.address), event.address)
    }
  }
}

const addressKey = ({ interfaceIndex, address, length }: LinkAddress): string =>
  `${interfaceIndex} ${formatAddress(address)}/${length}`

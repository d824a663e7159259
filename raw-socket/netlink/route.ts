import { addressFromBytes, type Address, type Family } from '#inet/address.ts'
import { SystemError } from '../errors.ts'
import {
  attributeText,
  messageFlags,
  NetlinkWriter,
  parseAttributes,
  parseNested,
  type NetlinkMessage,
} from './message.ts'
import { netlinkProtocols, openNetlink, type NetlinkSocket } from './socket.ts'

/** A network interface. */
export interface Link {
  readonly index: number
  readonly name: string
  /** empty for interfaces without one */
  readonly mac: Uint8Array
  readonly flags: LinkFlags
  /** index of the bridge or bond that it belongs to, 0 for none */
  readonly master: number
  /** `veth`, `bridge`, `vxlan` …; '' for hardware and loopback */
  readonly kind: string
  readonly mtu: number
}

interface LinkFlags {
  /** switched on by the administrator */
  readonly up: boolean
  /** the carrier is there as well */
  readonly lowerUp: boolean
  readonly loopback: boolean
  readonly broadcast: boolean
  /** no address resolution on it */
  readonly noArp: boolean
}

/** An address of an interface. */
export interface LinkAddress {
  readonly interfaceIndex: number
  readonly family: Family
  readonly address: Address
  /** of the prefix: 0..32 or 0..128 */
  readonly length: number
  readonly scope: 'global' | 'site' | 'link' | 'host' | 'other'
  readonly flags: LinkAddressFlags
}

interface LinkAddressFlags {
  /** duplicate address detection has not finished */
  readonly tentative: boolean
  /** duplicate address detection found another user */
  readonly dadFailed: boolean
  /** not to be used for new connections */
  readonly deprecated: boolean
  /** IPv4: another address of the prefix comes first; IPv6: a temporary address */
  readonly secondary: boolean
  /** without a lifetime */
  readonly permanent: boolean
}

export type RouteEvent =
  | { readonly kind: 'link'; readonly link: Link; readonly removed: boolean }
  | { readonly kind: 'address'; readonly address: LinkAddress; readonly removed: boolean }
  /** events were lost: list again */
  | { readonly kind: 'resync' }

/** Interfaces and addresses of the network namespace in which it was opened (rtnetlink(7)). */
export interface RouteSocket {
  /** @throws SystemError FL_SYS_DUMP_INTERRUPTED when interfaces changed meanwhile, three times in a row */
  listLinks(): Promise<Link[]>
  /** Both families. @throws SystemError FL_SYS_DUMP_INTERRUPTED as above */
  listAddresses(): Promise<LinkAddress[]>
  /** Calls for every change from now on. Watch first and list then, and nothing is missed. */
  watch(onChange: (event: RouteEvent) => void): { close(): void }
  /** Ends the watches too. */
  close(): void
}

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22

/** RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR */
const watchedGroups = [1, 5, 9]

const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10

const LISTING_ATTEMPTS = 3

/** @throws SystemError FL_SYS_ERRNO */
export function openRouteSocket(): RouteSocket {
  const socket = openNetlink(netlinkProtocols.route)
  const watchers = new Set<(event: RouteEvent) => void>()
  const tell = (event: RouteEvent | undefined): void => {
    if (event !== undefined) for (const watcher of watchers) watcher(event)
  }
  // A socket of their own, so that a flood of events disturbs no listing; opened now, to be in this namespace.
  const events = openNetlink(netlinkProtocols.route, {
    onMessage: (message) => tell(parseEvent(message)),
    onOverrun: () => tell({ kind: 'resync' }),
    onError: () => tell({ kind: 'resync' }),
  })
  return {
    listLinks: () => list(socket, linkRequest, parseLink),
    listAddresses: () => list(socket, addressRequest, parseAddress),
    watch(onChange) {
      if (watchers.size === 0) for (const group of watchedGroups) events.join(group)
      watchers.add(onChange)
      return { close: () => void watchers.delete(onChange) }
    },
    close() {
      socket.close()
      events.close()
    },
  }
}

async function list<T>(
  socket: NetlinkSocket,
  request: (seq: number) => Uint8Array,
  parse: (message: NetlinkMessage) => T | undefined,
): Promise<T[]> {
  for (let attempt = 1; ; attempt++) {
    const seq = socket.sequence()
    try {
      const messages = await socket.request(request(seq), seq)
      return messages.map(parse).filter((item) => item !== undefined)
    } catch (error) {
      const again = error instanceof SystemError && error.code === 'FL_SYS_DUMP_INTERRUPTED'
      if (!again || attempt === LISTING_ATTEMPTS) throw error
    }
  }
}

const IFLA_EXT_MASK = 29
const RTEXT_FILTER_SKIP_STATS = 8

const linkRequest = (seq: number): Uint8Array =>
  new NetlinkWriter(64)
    .begin(RTM_GETLINK, messageFlags.request | messageFlags.dump, seq)
    .bytes(new Uint8Array(16)) // struct ifinfomsg, AF_UNSPEC
    .attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    .end()
    .finish()

const addressRequest = (seq: number): Uint8Array =>
  new NetlinkWriter(64)
    .begin(RTM_GETADDR, messageFlags.request | messageFlags.dump, seq)
    .bytes(new Uint8Array(8)) // struct ifaddrmsg, AF_UNSPEC
    .end()
    .finish()

/** What a multicast message means; undefined when it means nothing to us. */
export function parseEvent(message: NetlinkMessage): RouteEvent | undefined {
  if (message.type === RTM_NEWLINK || message.type === RTM_DELLINK) {
    const link = parseLink(message)
    return link && { kind: 'link', link, removed: message.type === RTM_DELLINK }
  }
  if (message.type === RTM_NEWADDR || message.type === RTM_DELADDR) {
    const address = parseAddress(message)
    return address && { kind: 'address', address, removed: message.type === RTM_DELADDR }
  }
  return undefined
}

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_MASTER = 10
const IFLA_LINKINFO = 18
const IFLA_INFO_KIND = 1

const IFF_UP = 0x1
const IFF_BROADCAST = 0x2
const IFF_LOOPBACK = 0x8
const IFF_NOARP = 0x80
const IFF_LOWER_UP = 0x10000

/**
 * An RTM_NEWLINK or RTM_DELLINK message (struct ifinfomsg and IFLA_ attributes).
 * @throws SystemError FL_SYS_TRUNCATED
 */
export function parseLink({ body }: NetlinkMessage): Link | undefined {
  if (body.length < 16) throw truncated('ifinfomsg', body)
  // A bridge reports its ports under AF_BRIDGE; there RTM_DELLINK means that a port has left, not that it is gone.
  if (body[0] !== AF_UNSPEC) return undefined
  const attributes = parseAttributes(body.subarray(16))
  const flags = body.readUInt32LE(8)
  const kind = parseNested(attributes, IFLA_LINKINFO).get(IFLA_INFO_KIND)
  return {
    index: body.readInt32LE(4),
    name: attributeText(attributes.get(IFLA_IFNAME) ?? nothing),
    mac: Uint8Array.from(attributes.get(IFLA_ADDRESS) ?? nothing),
    flags: {
      up: (flags & IFF_UP) !== 0,
      lowerUp: (flags & IFF_LOWER_UP) !== 0,
      loopback: (flags & IFF_LOOPBACK) !== 0,
      broadcast: (flags & IFF_BROADCAST) !== 0,
      noArp: (flags & IFF_NOARP) !== 0,
    },
    master: u32(attributes.get(IFLA_MASTER), 0),
    kind: attributeText(kind ?? nothing),
    mtu: u32(attributes.get(IFLA_MTU), 0),
  }
}

const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_FLAGS = 8

const IFA_F_SECONDARY = 0x1
const IFA_F_DADFAILED = 0x8
const IFA_F_DEPRECATED = 0x20
const IFA_F_TENTATIVE = 0x40
const IFA_F_PERMANENT = 0x80

const scopes: Record<number, LinkAddress['scope']> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host' }

/**
 * An RTM_NEWADDR or RTM_DELADDR message (struct ifaddrmsg and IFA_ attributes).
 * @throws SystemError FL_SYS_TRUNCATED
 */
export function parseAddress({ body }: NetlinkMessage): LinkAddress | undefined {
  if (body.length < 8) throw truncated('ifaddrmsg', body)
  if (body[0] !== AF_INET && body[0] !== AF_INET6) return undefined
  const attributes = parseAttributes(body.subarray(8))
  // On a point-to-point interface IFA_ADDRESS is the other end, and ours is IFA_LOCAL.
  const octets = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
  if (octets === undefined) return undefined
  if (octets.length !== (body[0] === AF_INET ? 4 : 16)) throw truncated('address', octets)
  const address = addressFromBytes(octets)
  const flags = u32(attributes.get(IFA_FLAGS), body[2])
  return {
    interfaceIndex: body.readUInt32LE(4),
    family: address.family,
    address,
    length: body[1],
    scope: scopes[body[3]] ?? 'other',
    flags: {
      tentative: (flags & IFA_F_TENTATIVE) !== 0,
      dadFailed: (flags & IFA_F_DADFAILED) !== 0,
      deprecated: (flags & IFA_F_DEPRECATED) !== 0,
      secondary: (flags & IFA_F_SECONDARY) !== 0,
      permanent: (flags & IFA_F_PERMANENT) !== 0,
    },
  }
}

const nothing = Buffer.alloc(0)

function u32(payload: Buffer | undefined, absent: number): number {
  if (payload === undefined) return absent
  if (payload.length < 4) throw truncated('number', payload)
  return payload.readUInt32LE(0)
}

const truncated = (what: string, body: Buffer): SystemError =>
  new SystemError('FL_SYS_TRUNCATED', `netlink: ${what} of ${body.length} octets`)

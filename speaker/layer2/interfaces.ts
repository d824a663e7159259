import { tryParseAddress, type Address, type Family } from '#inet/address.ts'
import type { WireInterface } from '../wire/protocol.ts'
import type { UnusableReason } from './errors.ts'
import { macNumber } from './ethernet.ts'

/** What the kernel says about a link, as far as ARP and NDP care. */
export interface Link {
  readonly index: number
  readonly name: string
  readonly mac: string
  /** IFF_UP */
  readonly up: boolean
  /** IFF_LOWER_UP */
  readonly carrier: boolean
  readonly loopback: boolean
  readonly broadcast: boolean
  readonly noArp: boolean
  /** index of the bridge, bond, team or VRF it belongs to, 0 for none */
  readonly master: number
  /** `address/length` */
  readonly prefixes: readonly string[]
  /** no packet socket could be opened on it */
  readonly noSocket?: boolean
}

/**
 * Interfaces that MetalLB leaves out unless told otherwise (its ConfigMap `metallb-excludel2`): those that
 * container runtimes and CNI plug-ins make, behind which no client can be.
 */
export const defaultExclusions: readonly string[] = [
  '^docker.*',
  '^cbr.*',
  '^dummy.*',
  '^virbr.*',
  '^lxcbr.*',
  '^veth.*',
  '^lo$',
  '^cali.*',
  '^tunl.*',
  '^flannel.*',
  '^kube-ipvs.*',
  '^cni.*',
  '^nodelocaldns.*',
  '^lxc.*',
]

/** Compiles name patterns; those that are not regular expressions are left out and named. */
export function compileExclusions(patterns: readonly string[]): { patterns: RegExp[]; invalid: string[] } {
  const compiled: RegExp[] = []
  const invalid: string[] = []
  for (const pattern of patterns) {
    try {
      compiled.push(new RegExp(pattern, 'u'))
    } catch {
      invalid.push(pattern)
    }
  }
  return { patterns: compiled, invalid }
}

/** Why ARP and NDP are not spoken on a link, undefined when they are. */
export function unusable(link: Link, excluded: readonly RegExp[]): UnusableReason | undefined {
  if (link.loopback) return 'loopback'
  if (excluded.some((pattern) => pattern.test(link.name))) return 'excluded'
  if (!link.up) return 'down'
  if (!link.carrier) return 'noCarrier'
  if (link.master !== 0) return 'enslaved'
  if (link.noArp) return 'noArp'
  if (!link.broadcast) return 'noBroadcast'
  if (!(macNumber(link.mac) > 0)) return 'noMac'
  return link.noSocket ? 'noSocket' : undefined
}

/** All links with the verdict on each, in the order of their indexes. */
export function assess(links: readonly Link[], excluded: readonly RegExp[]): WireInterface[] {
  return links
    .map((link) => {
      const reason = unusable(link, excluded)
      return {
        name: link.name,
        index: link.index,
        mac: link.mac,
        up: link.up && link.carrier,
        prefixes: link.prefixes,
        usable: reason === undefined,
        reason: reason ?? '',
      }
    })
    .sort((a, b) => a.index - b.index)
}

/**
 * The interfaces to answer on for an address that names these. IPv6 needs a link-local address to answer from.
 * @param names [] means every usable interface
 */
export const answerOn = (
  names: readonly string[],
  family: Family,
  interfaces: readonly WireInterface[],
): WireInterface[] =>
  interfaces.filter(
    (one) =>
      one.usable &&
      (names.length === 0 || names.includes(one.name)) &&
      (family === 4 || linkLocalOf(one) !== undefined),
  )

/** The link-local IPv6 address of an interface (fe80::/10), which Neighbor Advertisements are sent from. */
export function linkLocalOf(one: Pick<WireInterface, 'prefixes'>): Address | undefined {
  const prefix = one.prefixes.find((text) => /^fe[89ab]/i.test(text))
  return prefix === undefined ? undefined : tryParseAddress(prefix.slice(0, prefix.indexOf('/')))
}

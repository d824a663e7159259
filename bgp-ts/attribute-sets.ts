import { formatAddress } from '#inet/address.ts'
import type { Community, RouteAttributes } from './route.ts'

/** Attributes as the operator chose them, the same object for all routes that have them. */
export interface AttributeSet {
  readonly key: string
  readonly attributes: RouteAttributes
}

/** The attribute sets of all routes of a speaker, each once, for as long as a route has it. */
export class AttributeSets {
  readonly #sets = new Map<string, { readonly set: AttributeSet; users: number }>()

  /** Sets that some route has. */
  get size(): number {
    return this.#sets.size
  }

  /** The set with these attributes; it stays the same one until it is released as often as it was acquired. */
  acquire(attributes: RouteAttributes): AttributeSet {
    const key = keyOf(attributes)
    let known = this.#sets.get(key)
    if (known === undefined)
      this.#sets.set(key, (known = { set: { key, attributes: own(attributes) }, users: 0 }))
    known.users++
    return known.set
  }

  release({ key }: AttributeSet): void {
    const known = this.#sets.get(key)
    if (known !== undefined && --known.users === 0) this.#sets.delete(key)
  }
}

/** Without the prefix of the route that it came with, and with no object of the caller's that it may change. */
function own(attributes: RouteAttributes): RouteAttributes {
  const { nextHop, localPref, med, asPathPrepend, linkBandwidth, communities } = attributes
  return {
    ...(nextHop !== undefined && { nextHop }),
    ...(localPref !== undefined && { localPref }),
    ...(med !== undefined && { med }),
    ...(asPathPrepend !== undefined && { asPathPrepend }),
    ...(linkBandwidth !== undefined && { linkBandwidth }),
    communities: [...communities],
  }
}

function keyOf(attributes: RouteAttributes): string {
  const {
    nextHop,
    localPref = '',
    med = '',
    asPathPrepend = '',
    linkBandwidth = '',
    communities,
  } = attributes
  const hop = nextHop === undefined ? '' : formatAddress(nextHop)
  return `${hop}|${localPref}|${med}|${asPathPrepend}|${linkBandwidth}|${communities.map(communityKey).join(' ')}`
}

const communityKey = ({ kind, value }: Community): string => `${kind} ${value.join(':')}`

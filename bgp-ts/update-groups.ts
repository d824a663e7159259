import { formatAddress, type Address } from '#inet/address.ts'
import type { AttributeSet } from './attribute-sets.ts'
import type { AddressFamily } from './config.ts'
import { exportRoute, type GroupContext } from './export.ts'
import { packAttributes, packWithdrawal, type Advertisement, type Packing } from './packing.ts'
import type { UnsentReason } from './status.ts'

type Outcome = Advertisement | UnsentReason

/**
 * Sessions on which the same routes have the same attributes. What becomes of a set is worked out once, and kept for as
 * long as some route has the set.
 */
export class UpdateGroup {
  readonly context: GroupContext
  readonly #outcomes: Readonly<Record<AddressFamily, WeakMap<AttributeSet, Outcome>>> = {
    'ipv4-unicast': new WeakMap(),
    'ipv6-unicast': new WeakMap(),
  }

  readonly #withdrawals: Readonly<Record<AddressFamily, Packing>>

  constructor(context: GroupContext) {
    this.context = context
    this.#withdrawals = {
      'ipv4-unicast': packWithdrawal('ipv4-unicast', context),
      'ipv6-unicast': packWithdrawal('ipv6-unicast', context),
    }
  }

  /** How prefixes of the family are withdrawn. */
  withdrawal(family: AddressFamily): Packing {
    return this.#withdrawals[family]
  }

  /** What a route with these attributes becomes, or why it cannot be sent. */
  of(set: AttributeSet, family: AddressFamily): Outcome {
    const outcomes = this.#outcomes[family]
    const known = outcomes.get(set)
    if (known !== undefined) return known
    const exported = exportRoute(set.attributes, family, this.context)
    const outcome = typeof exported === 'string' ? exported : packAttributes(exported, this.context)
    outcomes.set(set, outcome)
    return outcome
  }
}

/** The update groups of a speaker, each for as long as a session that is up belongs to it. */
export class UpdateGroups {
  readonly #groups = new Map<string, { readonly group: UpdateGroup; users: number }>()

  get size(): number {
    return this.#groups.size
  }

  /** The group of sessions with this context; each `join` asks for a `leave`. */
  join(context: GroupContext): UpdateGroup {
    const key = keyOf(context)
    let known = this.#groups.get(key)
    if (known === undefined) this.#groups.set(key, (known = { group: new UpdateGroup(context), users: 0 }))
    known.users++
    return known.group
  }

  leave({ context }: UpdateGroup): void {
    const key = keyOf(context)
    const known = this.#groups.get(key)
    if (known !== undefined && --known.users === 0) this.#groups.delete(key)
  }
}

function keyOf(context: GroupContext): string {
  const { fourOctetAS, internal, families, extendedNextHop, localAS, nextHops, linkLocal, otc } = context
  // Whatever is added to a context has to be added here, or the compiler says so.
  const parts: Readonly<Record<keyof GroupContext, unknown>> = {
    fourOctetAS,
    internal,
    families: families.join(),
    extendedNextHop,
    localAS,
    nextHops: [text(nextHops[4]), text(nextHops[6])].join(),
    linkLocal: text(linkLocal),
    otc: otc ?? '',
    gracefulShutdown: context.gracefulShutdown === true,
  }
  return Object.values(parts).join(' ')
}

const text = (address: Address | undefined): string => (address === undefined ? '' : formatAddress(address))

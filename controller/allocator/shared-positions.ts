import { IntervalSet } from './intervals.ts'
import type { Claim } from './request.ts'

interface Group {
  /** positions in use by Services of the group */
  readonly members: IntervalSet
  /** those of them on which a port is taken */
  readonly byPort: Map<string, IntervalSet>
}

/**
 * Which addresses of one family of a pool are in use by Services that share: those with the same sharing key and the
 * same backends are a group. Finds the first that has certain ports free in steps of whole runs of addresses.
 */
export class SharedPositions {
  readonly #groups = new Map<string, Group>()

  add(claim: Claim, position: bigint): void {
    if (claim.sharingKey === '') return
    const group = this.#groups.get(groupOf(claim)) ?? { members: new IntervalSet(), byPort: new Map() }
    this.#groups.set(groupOf(claim), group)
    group.members.add(position)
    for (const port of claim.ports) {
      const taken = group.byPort.get(port) ?? new IntervalSet()
      taken.add(position)
      group.byPort.set(port, taken)
    }
  }

  /** @param last nobody uses the address any more */
  delete(claim: Claim, position: bigint, last: boolean): void {
    const group = claim.sharingKey === '' ? undefined : this.#groups.get(groupOf(claim))
    if (group === undefined) return
    for (const port of claim.ports) {
      const taken = group.byPort.get(port)
      taken?.delete(position)
      if (taken?.size === 0n) group.byPort.delete(port)
    }
    if (last) group.members.delete(position)
    if (group.members.size === 0n) this.#groups.delete(groupOf(claim))
  }

  /** The lowest position in use by the group of the claim on which none of its ports is taken. */
  lowest(claim: Claim): bigint | undefined {
    const group = claim.sharingKey === '' ? undefined : this.#groups.get(groupOf(claim))
    if (group === undefined) return undefined
    let position = group.members.lowest
    while (position !== undefined) {
      const end = endOfTaken(group, claim.ports, position)
      if (end === undefined) return position
      position = group.members.atOrAfter(end + 1n)
    }
    return undefined
  }
}

/** The last position of a run, begun at this one, of which one of the ports is taken everywhere. */
function endOfTaken({ byPort }: Group, ports: readonly string[], position: bigint): bigint | undefined {
  for (const port of ports) {
    const end = byPort.get(port)?.endOfRun(position)
    if (end !== undefined) return end
  }
  return undefined
}

/** Names the Services that may share with this one, if their ports differ. */
export const groupOf = ({ sharingKey, backendKey }: Claim): string => JSON.stringify([sharingKey, backendKey])

import type { WireRoute } from '#speaker/wire/protocol.ts'
import type { Speaker } from '../../test/interop/speaker.ts'

/** Routes in one message. */
const part = 1000

/** The same prefixes for every sender: 10.64.0.0/32 and up. */
export const prefixAt = (index: number): string =>
  `10.${64 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`

/** The community of a route: so many different ones, in turn. */
const communityAt = (index: number, sets: number): [number, number] => [64500, index % sets]

export const wireRoutes = (peer: string, count: number, sets: number): WireRoute[] =>
  Array.from({ length: count }, (_, index) => ({
    peer,
    prefix: prefixAt(index),
    communities: [{ kind: 'standard', value: communityAt(index, sets) }],
  }))

/** As routes of a static protocol of BIRD. */
export const birdRoutes = (count: number, sets: number): string =>
  Array.from({ length: count }, (_, index) => {
    const [high, low] = communityAt(index, sets)
    return `route ${prefixAt(index)} blackhole { bgp_community.add((${high},${low})); };`
  }).join('\n')

/** Gives the speaker all of them in parts, so that no message weighs more than the routes do. */
export async function announceAll(
  speaker: Speaker,
  peer: string,
  count: number,
  sets: number,
): Promise<void> {
  const all = wireRoutes(peer, count, sets)
  for (let from = 0; from < all.length; from += part) {
    speaker.send({ kind: 'routes', put: all.slice(from, from + part), remove: [] })
    // It has read what was sent before.
    await speaker.weigh()
  }
}

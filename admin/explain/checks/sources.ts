import { tryParseAddress } from '#inet/address.ts'
import { prefixContains, tryParsePrefix } from '#inet/prefix.ts'
import { fail, ok, unknown, warn, type Check } from '../check.ts'

/** Check 10: source ranges shut out whoever is in none of them, pods and nodes included. */
export const sourcesCheck: Check = {
  id: 'sources',
  question: 'May the client come in?',
  run({ service, client }) {
    if (service === undefined) return unknown('there is no Service')
    const texts = service.loadBalancerSourceRanges.map((text) => text.trim())
    const wrong = texts.filter((text) => tryParsePrefix(text) === undefined)
    if (wrong.length > 0) {
      return warn(
        `loadBalancerSourceRanges has what is no range: ${wrong.join(', ')}`,
        'write ranges such as 192.0.2.0/24',
      )
    }
    if (texts.length === 0) return ok('loadBalancerSourceRanges is empty: everybody may')
    if (client === undefined) return ok(`only from ${texts.join(', ')}: ask about one with --client ADDRESS`)
    const address = tryParseAddress(client)
    if (address === undefined) return unknown(`${client} is not an IP address`)
    // A family without a range is not restricted.
    const ranges = texts.flatMap((text) => tryParsePrefix(text) ?? [])
    const ours = ranges.filter((range) => range.address.family === address.family)
    if (ours.length === 0 || ours.some((range) => prefixContains(range, address))) return ok(`${client} may`)
    return fail(
      `${client} is in none of its loadBalancerSourceRanges: ${texts.join(', ')}`,
      `add a range with ${client} to spec.loadBalancerSourceRanges`,
    )
  },
}

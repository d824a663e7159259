import { must, type Netns } from '../../test/netns.ts'

/** How many rules there are in a namespace: chains and sets apart, elements apart. */
export async function countRules(ns: Netns): Promise<number> {
  return rulesIn(await must(ns, 'nft', ['-s', '-t', 'list', 'ruleset']))
}

/** Pure: the lines of a listing that are rules. */
export function rulesIn(listing: string): number {
  let rules = 0
  let chain = false
  for (const text of listing.split('\n')) {
    const line = text.trim()
    if (/^chain \S+ \{/.test(line)) chain = true
    else if (line === '}') chain = false
    else if (chain && line !== '' && !/^(type \S+ hook|comment |policy )/.test(line)) rules++
  }
  return rules
}

/** Every table gone. */
export const flushRuleset = (ns: Netns): Promise<string> => must(ns, 'nft', ['flush', 'ruleset'])

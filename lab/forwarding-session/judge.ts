import type { Answer } from '../requests/messages.ts'
import type { Wanted } from './cases.ts'

/** What a handful of requests met: each pod with the sources that it saw, and everything else, in words. */
export interface Met {
  readonly pods: ReadonlyMap<string, ReadonlySet<string>>
  readonly others: ReadonlySet<string>
}

export function gather(answers: readonly Answer[]): Met {
  const pods = new Map<string, Set<string>>()
  const others = new Set<string>()
  for (const { pod, client = '', error, status } of answers) {
    if (pod === undefined) others.add(error ?? String(status))
    else pods.set(pod, (pods.get(pod) ?? new Set()).add(hostOf(client)))
  }
  return { pods, others }
}

const hostOf = (client: string): string => client.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '')

/** Is it what was wanted, all of it and nothing else? */
export function isAsWanted({ pods, others }: Met, wanted: Wanted): boolean {
  if ('error' in wanted) return pods.size === 0 && isOnly(others, wanted.error)
  if ('status' in wanted) return pods.size === 0 && isOnly(others, String(wanted.status))
  const names = [...pods.keys()]
  const right =
    'pods' in wanted
      ? names.length === wanted.pods.length && wanted.pods.every((name) => pods.has(name))
      : names.length === 1 && wanted.oneOf.includes(names[0])
  const sources = [...pods.values()].flatMap((seen) => [...seen])
  return right && others.size === 0 && sources.every((source) => wanted.sources.includes(source))
}

const isOnly = (found: ReadonlySet<string>, word: string): boolean => found.size === 1 && found.has(word)

const WORDS: Readonly<Record<string, string>> = { ECONNREFUSED: 'refused', timeout: 'no answer' }

/** `one, two saw 192.168.1.11`, `refused`. */
export function describeMet({ pods, others }: Met): string {
  const bySource = new Map<string, string[]>()
  for (const [pod, sources] of [...pods].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const seen = [...sources].sort().join(', ')
    bySource.set(seen, [...(bySource.get(seen) ?? []), pod])
  }
  const answered = [...bySource].map(([seen, names]) => `${names.join(', ')} saw ${seen}`)
  return [...answered, ...[...others].map((word) => WORDS[word] ?? word)].join('; ')
}

/** The same for what was wanted. */
export function describeWanted(wanted: Wanted): string {
  if ('error' in wanted) return WORDS[wanted.error]
  if ('status' in wanted) return String(wanted.status)
  const who = 'pods' in wanted ? wanted.pods.join(', ') : `one of ${wanted.oneOf.join(', ')}`
  return `${who} seeing ${wanted.sources.join(' or ')}`
}

import { answersFor, answerSpans } from './l2-answers.ts'
import type { Lane, TimelineLine } from './l2-model.ts'
import type { Sighting } from './l2-sightings.ts'

type ClientLine = Omit<TimelineLine, 'state' | 'where'> & { readonly lane?: Lane }

/** Answers that lie closer together than so many of their usual distances, and than this, are without a pause. */
const USUAL_DISTANCES = 4
const LEAST_PAUSE_MS = 100

/**
 * What a capture shows of an address, as lines of its story: who begins to answer, who ends, for how long nobody
 * did, and every announcement.
 * @param nodeOf whose hardware address it is, if that is known
 */
export function clientSide(
  sightings: readonly Sighting[],
  address: string,
  nodeOf: (mac: string) => string | undefined,
): ClientLine[] {
  const name = (mac: string): string => {
    const node = nodeOf(mac)
    return node === undefined ? mac : `${node} ${mac}`
  }
  return [...answeringLines(sightings, address, name), ...announcementLines(sightings, address, name)].sort(
    (a, b) => a.at - b.at,
  )
}

function answeringLines(
  sightings: readonly Sighting[],
  address: string,
  name: (mac: string) => string,
): ClientLine[] {
  const answers = answersFor(sightings, address)
  const end = sightings.at(-1)?.at ?? 0
  const pause = Math.max(LEAST_PAUSE_MS, USUAL_DISTANCES * usualDistance(answers))
  const spans = answerSpans(answers, pause, 0)
  const edges = spans.flatMap((span) => [
    { at: span.from, begins: true, span },
    { at: span.to, begins: false, span },
  ])
  // What begins when another ends begins first: nothing lies between them.
  edges.sort((a, b) => a.at - b.at || Number(b.begins) - Number(a.begins))
  const lines: ClientLine[] = []
  let answering = 0
  let silentSince: number | undefined
  for (const { at, begins, span } of edges) {
    answering += begins ? 1 : -1
    const lane: Lane = answering === 0 ? 'silent' : answering === 1 ? 'answering' : 'two'
    const line = (what: string, words: string) =>
      lines.push({ at, what, words, interface: '', other: name(span.mac), lane })
    if (begins && answering > 1) line('answered', 'is answered by another one as well')
    else if (begins) line('answered', `is answered${silence(silentSince, at)}`)
    else if (answering > 0) line('ended', 'is answered by this one no longer')
    // A capture that ends is no silence.
    else if (end - at > pause) line('ended', 'hears the last answer for a while')
    silentSince = answering === 0 ? at : undefined
  }
  return lines
}

function silence(since: number | undefined, at: number): string {
  if (since === undefined) return ''
  const ms = at - since
  return `, after ${ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`} without an answer`
}

/** The median: requests come at a steady rate, or hardly ever. */
function usualDistance(answers: readonly Sighting[]): number {
  const distances = answers.slice(1).map(({ at }, index) => at - answers[index].at)
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 0
}

/** The two frames of one announcement are one line. */
const SAME_MS = 10

function announcementLines(
  sightings: readonly Sighting[],
  address: string,
  name: (mac: string) => string,
): ClientLine[] {
  const last = new Map<string, number>()
  return sightings.flatMap(({ at, what, address: of, mac }) => {
    if (what !== 'announcement' || of !== address) return []
    const before = last.get(mac)
    last.set(mac, at)
    if (before !== undefined && at - before < SAME_MS) return []
    return [{ at, what: 'announced', words: 'hears an announcement', interface: '', other: name(mac) }]
  })
}

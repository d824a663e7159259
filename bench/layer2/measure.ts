import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { answersFor, answerSpans, longestGap, overlap, type Span } from '#cli/l2-answers.ts'
import type { Sighting } from '#cli/l2-sightings.ts'
import { VIP4, VIP6 } from '../../test/cluster/layer2-world.ts'
import type { Event } from './events.ts'
import type { Options } from './options.ts'
import { PERIOD_MS, YARDSTICK, type World } from './world.ts'

/** Of one address as a client saw it; milliseconds. */
export interface Seen {
  /** the longest time without an answer */
  readonly gap: number
  /** how long two stations answered, from the fault on and from its end on */
  readonly two: number
  readonly twoHealed: number
}

export interface Result {
  readonly seen: Readonly<Record<4 | 6, Seen>>
  /** the same of the kernel's own address: what the probe and the machine add */
  readonly yardstick: Readonly<Record<4 | 6, Seen>>
  /** the router's side of a split */
  readonly otherSide?: Readonly<Record<4 | 6, Seen>>
  /** nodes that answered, in order: the holder, who took over, who answered at the end */
  readonly holders: readonly string[]
  /** what did not come to rest, '' when all did */
  readonly problem: string
}

const TAKE_OVER_LIMIT_MS = 30_000
const QUIET_LIMIT_MS = 90_000
/** How long is looked on after the end of a fault at least. */
const AFTERMATH_MS = 3000
/** A station that is silent for longer has stopped answering. */
const PAUSE_MS = 100
/** A fault is injected by other processes, and its time taken before. */
const MARGIN_MS = 100

/** Lets the event happen to the holder and looks on until it is over. */
export async function measure(world: World, event: Event, options: Options, label: string): Promise<Result> {
  const directory = options.keep === '' ? mkdtempSync(join(tmpdir(), 'fairlead-l2-')) : options.keep
  mkdirSync(directory, { recursive: true })
  const file = (from: string) => join(directory, `${label}-${from}.pcap`)
  const probe = await world.watch('client', file('client'))
  const other = event.otherSide === true ? await world.watch('router', file('router')) : undefined
  try {
    const problems: string[] = []
    const settled = async (words: string, limit: number, not?: string): Promise<string> => {
      const holder = await world.settled(probe, limit, not)
      if (holder === undefined) problems.push(words)
      return holder ?? world.holders(probe, VIP4).join('+')
    }
    await world.ready()
    const holder = await settled('not settled before', QUIET_LIMIT_MS)
    const from = Date.now()
    await event.begin(world, holder)
    const successor = await settled('nobody took over', TAKE_OVER_LIMIT_MS, holder)
    await delay(Math.max(0, from + (event.healAfterMs?.(options) ?? 0) - Date.now()))
    const healed = Date.now()
    await event.heal?.(world, holder)
    if (event.restart === true) await world.fault('start-speaker', holder)
    await delay(AFTERMATH_MS)
    const last = await settled('not settled after', QUIET_LIMIT_MS)
    const windows = { from: from - MARGIN_MS, healed, to: Date.now() - PAUSE_MS }
    const sightings = await probe.stop()
    const otherSide = other && (await other.stop())
    return {
      seen: both(sightings, { 4: VIP4, 6: VIP6 }, windows),
      yardstick: both(sightings, YARDSTICK, windows),
      ...(otherSide && { otherSide: both(otherSide, { 4: VIP4, 6: VIP6 }, windows) }),
      holders: [holder, successor, last],
      problem: problems.join(', '),
    }
  } finally {
    await probe.end()
    await other?.end()
    if (options.keep === '') rmSync(directory, { recursive: true })
  }
}

interface Windows extends Span {
  readonly healed: number
}

const both = (
  sightings: readonly Sighting[],
  addresses: Readonly<Record<4 | 6, string>>,
  windows: Windows,
): Record<4 | 6, Seen> => ({
  4: seen(answersFor(sightings, addresses[4]), windows),
  6: seen(answersFor(sightings, addresses[6]), windows),
})

function seen(answers: readonly Sighting[], { from, healed, to }: Windows): Seen {
  const gap = longestGap(answers, { from, to })
  const spans = answerSpans(answers, PAUSE_MS, PERIOD_MS)
  return {
    gap: gap.to - gap.from,
    two: overlap(spans, { from, to: healed }),
    twoHealed: overlap(spans, { from: healed, to }),
  }
}

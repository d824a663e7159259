import { readFileSync } from 'node:fs'
import { formatAddress, tryParseAddress } from '#inet/address.ts'
import type { TimelineDocument } from '#admin/layer2/timeline.ts'
import { parseDuration } from '#crds/parse/duration.ts'
import { getDocument } from './admin-client.ts'
import { CliError, type CliErrorCode } from './errors.ts'
import { sightingsOf, type Sighting } from './l2-sightings.ts'
import { timelineText } from './l2-text.ts'
import type { Timeline } from './l2-model.ts'
import { mergeTimeline } from './l2-timeline.ts'
import { readPcap } from './pcap.ts'

interface TimelineOptions {
  readonly admin: readonly string[]
  readonly token?: string
  readonly json: boolean
  /** a file of tcpdump -w */
  readonly capture?: string
  readonly since?: string
}

/** `fairlead l2 timeline`: what several speakers tell of an address, and what a client heard, in one story. */
export async function layer2Timeline(text: string, options: TimelineOptions): Promise<void> {
  const parsed = tryParseAddress(text)
  if (parsed === undefined) throw new CliError('FL_CLI_OPTION', `${text} is not an address`)
  const address = formatAddress(parsed)
  const sightings = options.capture === undefined ? undefined : readCapture(options.capture)
  const { documents, notes } = await ask(address, options)
  const timeline = since(mergeTimeline(address, documents, sightings), options.since, Date.now())
  console.log(options.json ? JSON.stringify({ ...timeline, notes }, null, 2) : timelineText(timeline, notes))
}

/** @throws CliError FL_CLI_CAPTURE */
function readCapture(path: string): Sighting[] {
  let file: Buffer
  try {
    file = readFileSync(path)
  } catch (error) {
    throw new CliError('FL_CLI_CAPTURE', `cannot read ${path}: ${String(error)}`, { cause: error })
  }
  return sightingsOf(readPcap(file))
}

/** A speaker that is gone must not hide what the others tell. @throws CliError when none of them answers */
async function ask(
  address: string,
  { admin, token, json }: TimelineOptions,
): Promise<{ documents: TimelineDocument[]; notes: string[] }> {
  const path = `/api/v1/layer2/timeline?address=${encodeURIComponent(address)}`
  const targets = admin.length === 0 ? [undefined] : admin
  const documents: TimelineDocument[] = []
  const failures: CliError[] = []
  const missing: CliErrorCode[] = ['FL_CLI_ADMIN_UNREACHABLE', 'FL_CLI_ADMIN_ANSWER']
  await Promise.all(
    targets.map(async (one) => {
      try {
        const target = { json, ...(one && { admin: one }), ...(token && { token }) }
        documents.push((await getDocument(target, path)) as unknown as TimelineDocument)
      } catch (error) {
        if (!(error instanceof CliError) || !missing.includes(error.code)) throw error
        failures.push(error)
      }
    }),
  )
  if (documents.length === 0) throw failures[0]
  return { documents, notes: failures.map(({ message }) => message).sort() }
}

/** Lines of the last so long only; what came before counts for the lanes. @throws CliError FL_CLI_OPTION */
export function since(timeline: Timeline, text: string | undefined, now: number): Timeline {
  if (text === undefined) return timeline
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) {
    throw new CliError('FL_CLI_OPTION', `--since ${text}: it must be a duration such as 2m`)
  }
  return { ...timeline, lines: timeline.lines.filter(({ at }) => at >= now - ms) }
}

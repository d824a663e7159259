import { stepPeer } from './collision.ts'
import { BgpUsageError } from './errors.ts'
import type { PeerAction, PeerInput, PeerState } from './events.ts'

/**
 * A recording of what went through the state machines of one peer: JSON lines, first the state it began in, then each
 * input with the actions that came out. The state machines know no secret, so there is none in it.
 */
export type RecordingLine =
  | { readonly at: number; readonly state: PeerState }
  | { readonly at: number; readonly input: PeerInput; readonly actions: readonly PeerAction[] }

/** Takes one line, without the line break. */
export type RecordingSink = (line: string) => void

export const writeLine = (sink: RecordingSink, line: RecordingLine): void => sink(JSON.stringify(line))

export interface ReplayedStep {
  readonly at: number
  readonly input: PeerInput
  readonly recorded: readonly PeerAction[]
  /** what the state machines do today */
  readonly actions: readonly PeerAction[]
  readonly state: PeerState
}

/**
 * Feeds the recorded inputs to the state machines and returns what happened then and now, side by side.
 * @throws BgpUsageError FL_BGP_RECORDING for a recording that is empty or not one
 */
export function replay(lines: Iterable<string>): ReplayedStep[] {
  let state: PeerState | undefined
  const steps: ReplayedStep[] = []
  for (const text of lines) {
    if (text.trim() === '') continue
    const line = parseLine(text)
    if ('state' in line) {
      state = line.state
      continue
    }
    if (state === undefined) throw new BgpUsageError('FL_BGP_RECORDING', 'a recording begins with a state')
    const next = stepPeer(state, line.input, line.at)
    state = next.state
    const { at, input, actions: recorded } = line
    steps.push({ at, input, recorded, actions: next.actions, state })
  }
  if (steps.length === 0) throw new BgpUsageError('FL_BGP_RECORDING', 'the recording is empty')
  return steps
}

function parseLine(text: string): RecordingLine {
  try {
    return JSON.parse(text) as RecordingLine
  } catch {
    throw new BgpUsageError('FL_BGP_RECORDING', `not a line of a recording: ${text.slice(0, 80)}`)
  }
}

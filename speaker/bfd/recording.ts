import { BfdError } from './errors.ts'
import type { Action, FsmState, Input } from './events.ts'
import { step } from './fsm.ts'

/** JSON lines: first the state that the session was in, then each input with the actions that came out. */
export type RecordingLine =
  | { readonly at: number; readonly state: FsmState }
  | { readonly at: number; readonly input: Input; readonly actions: readonly Action[] }

/** Takes one line, without the line break. */
export type RecordingSink = (line: string) => void

export const writeLine = (sink: RecordingSink, line: RecordingLine): void => sink(JSON.stringify(line))

export interface ReplayedStep {
  readonly at: number
  readonly input: Input
  readonly recorded: readonly Action[]
  /** what `step` does today */
  readonly actions: readonly Action[]
  readonly state: FsmState
}

/**
 * Feeds the recorded inputs to the state machine and returns what happened then and now, side by side.
 * @throws BfdError FL_BFD_RECORDING for a recording that is empty or not one
 */
export function replay(lines: Iterable<string>): ReplayedStep[] {
  let state: FsmState | undefined
  const steps: ReplayedStep[] = []
  for (const text of lines) {
    if (text.trim() === '') continue
    const line = parseLine(text)
    if ('state' in line) {
      state = line.state
      continue
    }
    if (state === undefined) throw new BfdError('FL_BFD_RECORDING', 'a recording begins with a state')
    const next = step(state, line.input, line.at)
    state = next.state
    steps.push({ at: line.at, input: line.input, recorded: line.actions, actions: next.actions, state })
  }
  if (steps.length === 0) throw new BfdError('FL_BFD_RECORDING', 'the recording is empty')
  return steps
}

function parseLine(text: string): RecordingLine {
  try {
    return JSON.parse(text) as RecordingLine
  } catch {
    throw new BfdError('FL_BFD_RECORDING', `not a line of a recording: ${text.slice(0, 80)}`)
  }
}

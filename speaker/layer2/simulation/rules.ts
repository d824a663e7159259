import type { World } from './world.ts'

/**
 * What must be true of layer 2, whatever happens. The letters are those of reports; README.md says what each
 * means exactly and where it does not apply.
 */
export const rules = {
  one: 'in a quiet network each address that can be held has exactly one holder in each segment, and one answer',
  rank: 'in a quiet network an address stays with a node although another goes before it',
  two: 'two holders that hear each other for longer than 300 ms',
  silent: 'an address is answered for that is not served here, or not held',
  move: 'an address moved without a cause',
  late: 'nobody took over in time',
  hasty: 'an address was taken before BFD from a speaker that stands still on a machine that runs',
  thawed: 'a node that stood still answered for an address that another had taken meanwhile',
  rate: 'more frames or wakes a second than allowed',
  crash: 'the core threw',
} as const satisfies Record<string, string>

export type Rule = keyof typeof rules

export interface Violation {
  readonly rule: Rule
  readonly at: number
  readonly text: string
}

/** What the rules share: the world, and where to say that one is broken. */
export interface Court {
  readonly world: World
  /** milliseconds since the start: the last time that anything happened which may move an address */
  readonly quietSince: number
  /** how often anything has: two things may happen at one time */
  readonly disturbances: number
  violated(rule: Rule, text: string): void
}

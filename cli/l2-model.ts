/** The story of an address, as it is printed. */

/** Whether somebody answers: a node does or not; of what a client hears, nobody, one or two. */
export type Lane = 'silent' | 'answering' | 'two'

export interface TimelineLine {
  /** epoch milliseconds */
  readonly at: number
  /** name of a lane */
  readonly where: string
  /** a happening of a node, or of the client: answered, announced */
  readonly what: string
  readonly words: string
  readonly interface: string
  readonly other: string
  /** of each lane from then on, in the order of `lanes` */
  readonly state: readonly Lane[]
}

export interface Timeline {
  readonly address: string
  /** nodes in the order of their names, then `client` when there is a capture */
  readonly lanes: readonly string[]
  readonly lines: readonly TimelineLine[]
}

/** A scenario that has shown a defect once, reduced to the acts that it took. */
export interface Regression {
  /** what is true since */
  readonly name: string
  readonly scenario: string
}

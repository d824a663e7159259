/** Where something is reached. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** What the asking process in a client's namespace can be told. */
export type ClientRequest =
  /** Connect again and again until each target has answered. */
  | { readonly id: number; readonly kind: 'answer'; readonly targets: readonly Target[] }
  /** Connect again and again until each target has been answered by one of the pods it is to have. */
  | {
      readonly id: number
      readonly kind: 'reach'
      /** milliseconds after which an attempt has failed */
      readonly limit: number
      readonly targets: readonly (Target & { readonly pods: readonly string[] })[]
    }
  /** Connect to the n-th of each list in turn, so that whatever else the machine does meets all lists. */
  | {
      readonly id: number
      readonly kind: 'handshake'
      readonly lists: readonly (readonly Target[])[]
    }

/** The outcome of `answer` and `reach`. */
export interface Reached {
  /** when the last target was there, on the clock of monotonic.ts */
  readonly at: number
  readonly attempts: number
  /** attempts that ended without an answer */
  readonly failures: number
}

export type ClientResponse = { readonly id: number } & (
  | { readonly kind: 'reached'; readonly reached: Reached }
  /** microseconds from SYN to SYN-ACK, as the kernel counts them, of each list */
  | { readonly kind: 'handshakes'; readonly lists: readonly (readonly number[])[] }
  | { readonly kind: 'error'; readonly message: string }
)

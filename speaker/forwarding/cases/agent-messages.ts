/** What a test and an agent tell each other: a JSON line each way, matched by id. */

interface Address {
  readonly host: string
  readonly port: number
}

export interface Target extends Address {
  readonly protocol: 'TCP' | 'UDP'
  /** source address; the kernel's choice when absent */
  readonly from?: string
  /** source port of TCP; the kernel's choice when absent */
  readonly localPort?: number
  /** octets of a datagram, and of its answer */
  readonly size?: number
}

export type AgentRequest =
  /** connects so many times, at once; a result each */
  | { readonly do: 'ask'; readonly target: Target; readonly count: number; readonly limit: number }
  /**
   * Connects so many times and then to a control address that answers. What has heard nothing when the control has,
   * and for a while after it, is silent: results are `silence` or what came.
   */
  | { readonly do: 'silent'; readonly target: Target; readonly control: Address; readonly count: number }
  /**
   * Connects all the time, to one target after another, until `stop`; never twice from the same port to the same
   * target. Errors and what takes longer than `slow` milliseconds are told at the end.
   */
  | {
      readonly do: 'loop'
      readonly targets: readonly Address[]
      readonly concurrency: number
      readonly limit: number
      readonly slow: number
      /** every answer must begin with one of these */
      readonly expect: readonly string[]
    }
  /** makes a TCP connection that stays; a result, as of `ask` */
  | { readonly do: 'hold'; readonly target: Target }
  /** says something on each of these connections and ends them; a result each: `echo`, or what came instead */
  | { readonly do: 'talk' }
  /** how far the loop is */
  | { readonly do: 'progress' }
  | { readonly do: 'stop' }

export interface LoopReport {
  readonly connections: number
  /** connections whose first packet had to be sent again */
  readonly slow: number
  /** a bounded list; `failed` counts all */
  readonly failures: readonly string[]
  readonly failed: number
}

export type AgentResponse = { readonly results: readonly string[] } | { readonly report: LoopReport }

/** What an agent serves: TCP on all addresses of its namespace, UDP on these. */
export interface Served {
  readonly place: string
  readonly tcp: readonly number[]
  readonly udp: readonly { readonly address: string; readonly port: number }[]
}

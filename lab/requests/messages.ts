import type { EchoAnswer } from '../kubelet/echo-messages.ts'

/** Something to ask an echo server, as often as wanted. */
export interface Question {
  /** text of an address */
  readonly to: string
  readonly port: number
  /** tcp: HTTP */
  readonly protocol?: 'tcp' | 'udp'
  /** this many at the same time, each on a connection of its own; 1 */
  readonly count?: number
  /** the kernel chooses both when absent */
  readonly sourceAddress?: string
  readonly sourcePort?: number
  /** length of the request's body or of the datagram */
  readonly octets?: number
  /** HTTP only */
  readonly path?: string
  /** milliseconds until a request without an answer is given up; 2000 */
  readonly limit?: number
  /** TCP: keeps the connection under this name and uses it for the next question with the same name */
  readonly connection?: string
}

/** What one request met: the echo server's words, or an error code, or `timeout`. */
export type Answer = Partial<EchoAnswer> & {
  readonly error?: string
  /** HTTP only */
  readonly status?: number
  /** of an HTTP answer that is not an echo server's */
  readonly body?: string
}

/** A question and the network namespace to ask it in. */
export interface Placed {
  /** name under /run/netns in the lab */
  readonly namespace: string
  readonly question: Question
}

/** A line to the process that asks. */
export type AgentRequest =
  | ({ readonly kind: 'ask'; readonly id: number } & Placed)
  /** asks one target after the other, in turn, a request every so many milliseconds, until `stop` with the same id */
  | {
      readonly kind: 'loop'
      readonly id: number
      readonly everyMs: number
      readonly targets: readonly Placed[]
    }
  | { readonly kind: 'stop'; readonly id: number }

/** A line from the process that asks. */
export type AgentReply =
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly Answer[] }
  | { readonly kind: 'looped'; readonly id: number; readonly outcome: LoopOutcome }

export interface LoopOutcome {
  /** by target, in the order of the targets */
  readonly targets: readonly {
    readonly made: number
    readonly failed: number
    /** milliseconds of the slowest request that was answered */
    readonly slowestMs: number
  }[]
  /** the first failures, at most 100 */
  readonly failures: readonly {
    readonly target: number
    /** milliseconds since the loop began */
    readonly at: number
    readonly error: string
  }[]
  /** from the first request to the last answer */
  readonly ms: number
}

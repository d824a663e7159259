import type { Family } from '#inet/address.ts'

/** One pod's servers. */
export interface EchoPod {
  /** unique while the pod lives; its uid */
  readonly id: string
  /** path of the network namespace to listen in */
  readonly networkNamespace: string
  readonly families: readonly Family[]
  readonly ports: readonly EchoPort[]
  readonly identity: EchoIdentity
}

export interface EchoPort {
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
}

/** Who answers: the constant part of every answer. */
export interface EchoIdentity {
  readonly pod: string
  readonly namespace: string
  readonly node: string
  readonly podIP: string
}

/**
 * What an echo server answers, over HTTP and UDP alike. Over UDP, spaces make the answer at least as long as the
 * question.
 */
export interface EchoAnswer extends EchoIdentity {
  /** `address:port` that the server saw, IPv6 in brackets */
  readonly client: string
  readonly protocol: 'TCP' | 'UDP'
  /** length of the request's body or of the datagram */
  readonly octets: number
  /** HTTP only */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>
}

export type EchoRequest =
  | { readonly kind: 'open'; readonly pod: EchoPod }
  /** closes the sockets and the connections */
  | { readonly kind: 'close'; readonly id: string }

/** One for each request, in the same order for each pod. */
export type EchoReply =
  | { readonly kind: 'opened'; readonly id: string }
  | { readonly kind: 'closed'; readonly id: string }
  | { readonly kind: 'failed'; readonly id: string; readonly message: string }

import type { SimulationRequest } from '#controller/simulate-request.ts'
import type { Evidence } from './explain/evidence.ts'
import type { DumpQuery } from './forwarding/dump-source.ts'
import type { TraceDocument } from './forwarding/trace.ts'
import type { TraceQuery } from './forwarding/trace-query.ts'
import type { TimelineDocument } from './layer2/timeline.ts'

/** Any JSON document: these are made to be printed, not computed with. Counts beyond 2^53 are decimal strings. */
export type Document = Readonly<Record<string, unknown>>

/** A list; `unknown` says why a process cannot know it, and whom to ask. */
export interface DocumentList {
  readonly items: readonly Document[]
  readonly unknown?: string
}

/** A list too long to be made at once: `head`, which is never empty, and then the items as they come. */
export interface DocumentStream {
  readonly head: Document
  readonly items: Iterable<StreamedDocument>
  /** Gives back what it holds; to be called whether it was read or not. */
  close(): void
}

/** An item whose `elements` are many: `head` is the rest of it, never empty. */
export interface StreamedDocument {
  readonly head: Document
  readonly elements: Iterable<Document>
}

/** Questions about one BGP session, by the name of its peer. */
export interface BgpSource {
  /** @throws AdminError FL_ADMIN_NOT_FOUND, FL_ADMIN_BUSY */
  routes(peer: string): Promise<Document>
  /** @throws AdminError FL_ADMIN_NOT_FOUND, FL_ADMIN_BUSY */
  messages(peer: string): Promise<Document>
}

/** What the admin API asks of the process it runs in; the controller and the speaker each have one. */
export interface AdminSource {
  readonly component: 'controller' | 'speaker'
  /** one object with the state of the process, and a reason for whatever is not working */
  status(): Promise<Document>
  services(): Promise<DocumentList>
  /**
   * undefined when there is no such Service
   * @throws AdminError FL_ADMIN_NOT_SYNCED
   */
  service(key: string): Promise<Document | undefined>
  pools(): Promise<DocumentList>
  nodes(): Promise<DocumentList>
  layer2(): Promise<DocumentList>
  /**
   * What happened to an address, or to all.
   * @throws AdminError FL_ADMIN_ARGUMENT, FL_ADMIN_NOT_HERE in a process that announces nothing
   */
  layer2Timeline(address?: string): Promise<TimelineDocument>
  bgpPeers(): Promise<DocumentList>
  bfdSessions(): Promise<DocumentList>
  /** each throws AdminError FL_ADMIN_NOT_HERE in a process without sessions */
  readonly bgp: BgpSource
  forwardingServices(): Promise<DocumentList>
  /** @throws AdminError FL_ADMIN_ARGUMENT, FL_ADMIN_NOT_HERE in a process that forwards nothing */
  forwardingTrace(query: TraceQuery): Promise<TraceDocument>
  /**
   * @param signal whoever asked has gone
   * @throws AdminError FL_ADMIN_NOT_FOUND, FL_ADMIN_BUSY, FL_ADMIN_NOT_SYNCED, FL_ADMIN_NOT_HERE in a process that
   *   forwards nothing
   */
  forwardingDump(query: DumpQuery, signal?: AbortSignal): Promise<DocumentStream>
  /** the checked configuration in force, and every problem with the one that was asked for */
  config(): Promise<Document>
  /** @param client the address of a client to ask about */
  evidence(key: string, client?: string): Promise<Evidence>
  /**
   * What would become of the Services if this were applied and that deleted; absent where nothing is allocated.
   * @throws AdminError FL_ADMIN_NOT_SYNCED
   */
  simulate?(request: SimulationRequest): Promise<Document>
}

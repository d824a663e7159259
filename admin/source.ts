import type { Evidence } from './explain/evidence.ts'

/** Any JSON document: these are made to be printed, not computed with. Counts beyond 2^53 are decimal strings. */
export type Document = Readonly<Record<string, unknown>>

/** A list; `unknown` says why a process cannot know it, and whom to ask. */
export interface DocumentList {
  readonly items: readonly Document[]
  readonly unknown?: string
}

/** What the admin API asks of the process it runs in; the controller and the speaker each have one. */
export interface AdminSource {
  readonly component: 'controller' | 'speaker'
  /** one object with the state of the process, and a reason for whatever is not working */
  status(): Promise<Document>
  services(): Promise<DocumentList>
  /** undefined when there is no such Service */
  service(key: string): Promise<Document | undefined>
  pools(): Promise<DocumentList>
  nodes(): Promise<DocumentList>
  layer2(): Promise<DocumentList>
  bgpPeers(): Promise<DocumentList>
  forwardingServices(): Promise<DocumentList>
  /** the checked configuration in force, and every problem with the one that was asked for */
  config(): Promise<Document>
  evidence(key: string): Promise<Evidence>
}

import type { Family } from '#inet/address.ts'
import type { LocalDetector, NodeContext } from './config.ts'
import type { Element, Elements } from './model.ts'

/** What lies behind the view: for those who want to see what a packet meets, or plan and kernel side by side. */
export interface ForwardingInspection {
  /** undefined before the Node is known: nothing is planned yet */
  readonly node: NodeContext | undefined
  /** the one that the program was made with */
  readonly detector: LocalDetector
  /** a proxy in this process offers TCP NodePorts on 127.0.0.1 and ::1 */
  readonly localhostNodePorts: boolean
  /** what the data plane held when it was last known; live, not to be kept */
  elements(): Elements
  /** Services that were planned, by `namespace/name` */
  services(): Iterable<string>
  /** a Service's frontends are in the data plane */
  programmed(key: string): boolean
  /** what is wrong with a Service or its slices, in words */
  problems(key: string): readonly string[]
  /** what should be there, each element once */
  desired(): Iterable<Element>
  /** what one Service, by `namespace/name`, wants there */
  desiredOf(key: string): readonly Element[]
  /** the Service that has a frontend, by its key in the elements: `10.96.0.1 . tcp . 80`, `tcp . 30080` */
  holder(family: Family, frontend: string): string | undefined
  /**
   * What is there now: reads the whole data plane and changes nothing.
   * @throws ForwardingError FL_FORWARDING_KERNEL
   */
  list(): Promise<Elements>
}

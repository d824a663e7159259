import type { Elements, Operation } from './model.ts'

/** Somebody else did something to the rule set. */
export interface ForeignChange {
  /** names the process, '' if unknown */
  readonly by: string
  /** what is ours may have been changed, and not only what belongs to others */
  readonly ours: boolean
}

/** What a data plane counts by itself. */
export interface Counters {
  /** packets to a Service that were still untranslated behind translation, and dropped; begins anew with a new program */
  readonly escapes: number
  /** packets to an address that no Service has any more, which would have gone back to where they came from */
  readonly returned: number
}

/**
 * The port to whatever forwards packets. The kernel's is `nft/kernel-dataplane.ts`, tests use `fake-dataplane.ts`, and
 * `dataplane-suite.ts` holds both to the same behaviour. One caller at a time: `adopt` and `apply` never overlap.
 */
export interface Dataplane {
  /**
   * Makes sure that the program is in place, and tells which elements are there. Disturbs nothing that is already
   * right. To be called first, and again after any failure of `apply`.
   * @throws ForwardingError FL_FORWARDING_INSTALL, FL_FORWARDING_KERNEL
   */
  adopt(): Promise<Elements>
  /**
   * After `adopt`: which endpoint is in which slot in the table of another program that is about to be replaced, as far
   * as it can be read. Nothing else of it counts, and it is as good as absent.
   */
  inherited?(): Elements | undefined
  /**
   * Tells which elements are there now; installs and changes nothing, so that anybody may look at any time. A family
   * whose program is not there, or is another one, has none.
   * @throws ForwardingError FL_FORWARDING_KERNEL
   */
  list(): Promise<Elements>
  /**
   * Carries the operations out in their order, all of them or none.
   * @throws ForwardingError FL_FORWARDING_EXISTS or FL_FORWARDING_MISSING when the elements are not as remembered,
   *   FL_FORWARDING_ELEMENT, FL_FORWARDING_INSTALL, FL_FORWARDING_KERNEL
   */
  apply(operations: readonly Operation[]): Promise<void>
  /** Calls, from now on, when somebody else has changed something. */
  watch(onChange: (change: ForeignChange) => void): { close(): void }
  /** @throws ForwardingError FL_FORWARDING_KERNEL */
  counters(): Promise<Counters>
  /** Something of ours is there already, whole or not; changes nothing. */
  installed(): Promise<boolean>
  /** Other service proxies that are at work here, in words; '' when there is none. */
  foreign(): Promise<string>
  /** Takes everything of ours away; says in words what was there. */
  remove(): Promise<readonly string[]>
  close(): void
}

/** Every way in which forwarding can fail, and what to do about it in `ForwardingError.code`. */
export type ForwardingErrorCode =
  /** the rule program could not be installed: nft is missing, too old, or refused it */
  | 'FL_FORWARDING_INSTALL'
  /** a transaction adds what is already there: the data plane is not as remembered; adopt again */
  | 'FL_FORWARDING_EXISTS'
  /** a transaction changes or deletes what is not there: the data plane is not as remembered; adopt again */
  | 'FL_FORWARDING_MISSING'
  /** an element does not fit its collection; a defect of the caller */
  | 'FL_FORWARDING_ELEMENT'
  /** a frontend would have fewer endpoints than it counts; a defect of the caller */
  | 'FL_FORWARDING_REFERENCE'
  /** the kernel refused for another reason (rights, memory); the message has its word for it */
  | 'FL_FORWARDING_KERNEL'

export class ForwardingError extends Error {
  override readonly name = 'ForwardingError'
  readonly code: ForwardingErrorCode

  constructor(code: ForwardingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

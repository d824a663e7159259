/** Every way in which a lab command can fail; the message is one line for a person. */
export type LabErrorCode =
  | 'FL_LAB_OPTION'
  | 'FL_LAB_MISSING_PROGRAM'
  | 'FL_LAB_NOT_PERMITTED'
  | 'FL_LAB_EXISTS'
  | 'FL_LAB_NOT_RUNNING'
  | 'FL_LAB_PLACE'
  | 'FL_LAB_FAULT'
  | 'FL_LAB_COMMAND'
  | 'FL_LAB_START'
  | 'FL_LAB_TIMEOUT'

/** A lab command could not do what it was asked. */
export class LabError extends Error {
  override readonly name = 'LabError'
  readonly code: LabErrorCode

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The message of anything that was thrown, on one line. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, '; ')

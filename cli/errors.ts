export type CliErrorCode =
  | 'FL_CLI_OPTION'
  | 'FL_CLI_ADMIN_UNREACHABLE'
  | 'FL_CLI_ADMIN_ANSWER'
  /** a file that is no capture */
  | 'FL_CLI_CAPTURE'
  /** a node that cannot be drained, or was not in time */
  | 'FL_CLI_DRAIN'

/** Something a person at the terminal can mend; the message is all they see. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

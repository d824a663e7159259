/** Every way in which a text can fail to be an address, a prefix or a range. */
export type InetErrorCode = 'FL_INET_ADDRESS' | 'FL_INET_PREFIX' | 'FL_INET_RANGE' | 'FL_INET_MAC'

/** A text is not the value it should be. `text` is what was given, `message` says what is wrong with it. */
export class InetError extends Error {
  override readonly name = 'InetError'
  readonly code: InetErrorCode
  readonly text: string

  constructor(code: InetErrorCode, text: string, why: string) {
    super(`${JSON.stringify(text)} ${why}`)
    this.code = code
    this.text = text
  }
}

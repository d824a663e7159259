/** Text that a peer sent, fit for a log: what could break a line or disguise it is replaced. */
export function printable(octets: Uint8Array): string {
  // Control and format characters, separators of lines and paragraphs.
  return new TextDecoder().decode(octets).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

/** The text in UTF-8, cut between characters where it is longer than that many octets. */
export function cutText(text: string, maxOctets: number): Uint8Array {
  const octets = new Uint8Array(maxOctets)
  const { written } = new TextEncoder().encodeInto(text.toWellFormed(), octets)
  return octets.subarray(0, written)
}

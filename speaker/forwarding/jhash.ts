/**
 * Bob Jenkins' hash as the kernel has it (linux/jhash.h): what `jhash` in a rule computes, so that a trace can tell
 * which slot a client's address chooses.
 */

const INITIAL = 0xdeadbeef

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/** Octets and seed to 32 bits, unsigned; words are little endian, as on the machines that we run on. */
export function jhash(bytes: Uint8Array, seed: number): number {
  let a = (INITIAL + bytes.length + seed) | 0
  let b = a
  let c = a
  let at = 0
  for (; bytes.length - at > 12; at += 12) {
    a = (a + word(bytes, at)) | 0
    b = (b + word(bytes, at + 4)) | 0
    c = (c + word(bytes, at + 8)) | 0
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
  }
  if (at === bytes.length) return c >>> 0
  a = (a + word(bytes, at)) | 0
  b = (b + word(bytes, at + 4)) | 0
  c = (c + word(bytes, at + 8)) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return c >>> 0
}

/** Four octets; zero beyond the end. */
const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)

/** One of `slots`, as the kernel scales a hash: by multiplication, without a remainder. */
export const slotOfHash = (hash: number, slots: number): number => Math.floor((hash * slots) / 2 ** 32)

import { CliError } from './errors.ts'

/** The capture files of tcpdump (libpcap savefile, draft-ietf-opsawg-pcap): Ethernet frames and when they were seen. */

export interface CapturedFrame {
  /** epoch milliseconds, with a fraction */
  readonly at: number
  readonly frame: Uint8Array
}

const MAGIC = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d, nextGeneration: 0x0a0d0d0a } as const
const HEADER = 24
const RECORD_HEADER = 16
const ETHERNET = 1
const SNAP_LENGTH = 0xffff

/** What stands at the begin of a file with frames of Ethernet and times in nanoseconds. */
export function pcapHeader(): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(MAGIC.nanoseconds, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(SNAP_LENGTH, 16)
  header.writeUInt32LE(ETHERNET, 20)
  return header
}

/** One frame of such a file. */
export function pcapRecord({ at, frame }: CapturedFrame): Buffer {
  const record = Buffer.alloc(RECORD_HEADER + frame.length)
  const seconds = Math.floor(at / 1000)
  record.writeUInt32LE(seconds, 0)
  record.writeUInt32LE(Math.floor((at - seconds * 1000) * 1e6), 4)
  record.writeUInt32LE(frame.length, 8)
  record.writeUInt32LE(frame.length, 12)
  record.set(frame, RECORD_HEADER)
  return record
}

/**
 * All frames of a file, oldest first as captured. A last record that is cut short, as in a capture that still runs,
 * is left out.
 * @throws CliError FL_CLI_CAPTURE when it is no capture file of Ethernet frames
 */
export function readPcap(file: Buffer): CapturedFrame[] {
  const { read32, fraction } = formatOf(file)
  if (read32(20) !== ETHERNET) {
    throw new CliError(
      'FL_CLI_CAPTURE',
      'the capture is not of one Ethernet interface: capture with tcpdump -i INTERFACE, not -i any',
    )
  }
  const frames: CapturedFrame[] = []
  for (let at = HEADER; at + RECORD_HEADER <= file.length;) {
    const end = at + RECORD_HEADER + read32(at + 8)
    if (end > file.length) break
    const frame = file.subarray(at + RECORD_HEADER, end)
    frames.push({ at: read32(at) * 1000 + read32(at + 4) / fraction, frame })
    at = end
  }
  return frames
}

/** Octet order and unit of the times: each machine writes its own. */
function formatOf(file: Buffer): { read32: (at: number) => number; fraction: number } {
  const problem = (words: string) => new CliError('FL_CLI_CAPTURE', words)
  if (file.length < HEADER) throw problem('not a capture file: it is too short')
  for (const read32 of [(at: number) => file.readUInt32LE(at), (at: number) => file.readUInt32BE(at)]) {
    if (read32(0) === MAGIC.microseconds) return { read32, fraction: 1e3 }
    if (read32(0) === MAGIC.nanoseconds) return { read32, fraction: 1e6 }
    if (read32(0) === MAGIC.nextGeneration) {
      throw problem('a pcapng file: convert it with editcap -F pcap, or capture with tcpdump -w')
    }
  }
  throw problem('not a capture file as tcpdump -w writes them')
}

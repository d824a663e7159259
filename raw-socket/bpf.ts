import { SystemError } from './errors.ts'

/**
 * Classic BPF (linux/filter.h, bpf(4) of BSD): programs that the kernel runs on each packet of a socket before the
 * socket gets it. A program is a list of steps; jumps name a label further on, or fall through.
 */

/** One step: an instruction, or a label that jumps can name. */
export type Step =
  | {
      readonly code: number
      readonly k: number
      /** jumps: where to go on true and on false; absent is the next instruction */
      readonly onTrue?: string
      readonly onFalse?: string
    }
  | { readonly label: string }

/** Loads into the accumulator. A load beyond the packet's end drops the packet. */
export const load = {
  byte: (offset: number): Step => ({ code: 0x30, k: offset }),
  half: (offset: number): Step => ({ code: 0x28, k: offset }),
  word: (offset: number): Step => ({ code: 0x20, k: offset }),
  /** the packet's length */
  length: (): Step => ({ code: 0x80, k: 0 }),
} as const

/** Arithmetic on the accumulator. */
export const alu = {
  and: (value: number): Step => ({ code: 0x54, k: value }),
  shiftRight: (bits: number): Step => ({ code: 0x74, k: bits }),
} as const

/** Jumps, which compare the accumulator, unsigned. */
export const jump = {
  unlessEqual: (value: number, label: string): Step => ({ code: 0x15, k: value, onFalse: label }),
  ifEqual: (value: number, label: string): Step => ({ code: 0x15, k: value, onTrue: label }),
  unlessAtLeast: (value: number, label: string): Step => ({ code: 0x35, k: value, onFalse: label }),
  ifAtLeast: (value: number, label: string): Step => ({ code: 0x35, k: value, onTrue: label }),
} as const

/** Ends the program: how many octets of the packet the socket gets, 0 for none. */
export const accept = (octets: number): Step => ({ code: 0x06, k: octets })
export const drop = (): Step => accept(0)
export const label = (name: string): Step => ({ label: name })

/**
 * Offsets at which a load reads something else than the packet's own octets. `network` is added to an offset into
 * the network header, for sockets whose packets begin behind it.
 */
export const ancillary = {
  packetType: -0x1000 + 4,
  vlanTag: -0x1000 + 44,
  vlanTagPresent: -0x1000 + 48,
  network: -0x100000,
} as const

/**
 * The program as an array of `struct sock_filter`, 8 octets each.
 * @throws SystemError FL_SYS_ARGUMENT for an unknown or backward label, FL_SYS_TOO_LONG for a jump over more than
 *   255 instructions
 */
export function assemble(steps: readonly Step[]): Uint8Array {
  const labels = new Map<string, number>()
  let count = 0
  for (const step of steps) {
    if ('label' in step) labels.set(step.label, count)
    else count++
  }
  const program = Buffer.alloc(count * 8)
  let index = 0
  const distance = (name: string | undefined): number => {
    if (name === undefined) return 0
    const skipped = (labels.get(name) ?? -1) - index - 1
    if (skipped < 0) throw new SystemError('FL_SYS_ARGUMENT', `bpf: no label "${name}" further on`)
    if (skipped > 255) throw new SystemError('FL_SYS_TOO_LONG', `bpf: jump to "${name}" over ${skipped}`)
    return skipped
  }
  for (const step of steps) {
    if ('label' in step) continue
    program.writeUInt16LE(step.code, index * 8)
    program[index * 8 + 2] = distance(step.onTrue)
    program[index * 8 + 3] = distance(step.onFalse)
    program.writeUInt32LE(step.k >>> 0, index * 8 + 4)
    index++
  }
  return program
}

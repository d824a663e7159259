import { errnoError, errnos, type SystemError } from './errors.ts'
import { maxFrame } from './filters.ts'
import {
  addressFamilies,
  attachFilter,
  bindSocket,
  closeDescriptor,
  enlargeBuffer,
  getOption,
  openSocket,
  receive,
  setIntOption,
  socketOptions,
  socketTypes,
  trySend,
} from './libc.ts'
import { pollReadable, type Poll } from './poll-handle.ts'
import { linkLayerAddress } from './sockaddr.ts'

export interface PacketSocketOptions {
  readonly interfaceIndex: number
  /** in host order, such as 0x0806 */
  readonly etherType: number
  /** a program of `filters.ts` or of one's own; without it every frame of the EtherType arrives */
  readonly filter?: Uint8Array
  /**
   * The interface went down or away (ENETDOWN), or a frame could not be sent (ENETDOWN, EMSGSIZE, ENOBUFS …). The
   * socket stays open: it works again when the interface comes up, and never when it was removed.
   */
  readonly onError?: (error: SystemError) => void
}

/** Ethernet frames of one EtherType on one interface, header included both ways. */
export interface PacketSocket {
  /**
   * Sends one whole frame. Never throws: a frame may always be lost, so one that the kernel refuses is counted
   * and given to `onError`.
   */
  send(frame: Uint8Array): void
  /** Totals since opening. `packets` includes `drops`, which the kernel made for want of buffer. */
  statistics(): { packets: number; drops: number; unsent: number }
  close(): void
}

/** Frames read in one turn of the event loop, so that a flood starves no timer. */
const FRAMES_PER_TURN = 64

/** About four thousand ARP frames: what may gather while the thread is busy. */
const RECEIVE_BUFFER = 4 << 20

/**
 * Opens a packet socket (packet(7)) and calls `onFrame` for what passes the filter. The frame is valid only during
 * the call: its buffer is used again. Frames that this host sends are not seen.
 * @throws SystemError FL_SYS_ERRNO: EPERM without CAP_NET_RAW, ENODEV for an unknown interface
 */
export function openPacketSocket(
  options: PacketSocketOptions,
  onFrame: (frame: Buffer) => void,
): PacketSocket {
  // Protocol 0 receives nothing, so no frame slips in before the filter is there; bind names the protocol.
  const fd = openSocket(addressFamilies.packet, socketTypes.raw, 0)
  try {
    if (options.filter !== undefined) attachFilter(fd, options.filter)
    setIntOption(fd, socketOptions.packetIgnoreOutgoing, 1, 'PACKET_IGNORE_OUTGOING')
    enlargeBuffer(fd, 'receive', RECEIVE_BUFFER)
    const about = `interface ${options.interfaceIndex}`
    bindSocket(fd, linkLayerAddress(options.interfaceIndex, options.etherType), about)
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
  return new PolledPacketSocket(fd, options, onFrame)
}

class PolledPacketSocket implements PacketSocket {
  readonly #fd: number
  readonly #poll: Poll
  readonly #onFrame: (frame: Buffer) => void
  readonly #onError: ((error: SystemError) => void) | undefined
  readonly #buffer = Buffer.alloc(maxFrame)
  #open = true
  #packets = 0
  #drops = 0
  #unsent = 0

  constructor(fd: number, options: PacketSocketOptions, onFrame: (frame: Buffer) => void) {
    this.#fd = fd
    this.#onFrame = onFrame
    this.#onError = options.onError
    this.#poll = pollReadable(fd, () => this.#read())
  }

  send(frame: Uint8Array): void {
    if (!this.#open) return
    const errno = trySend(this.#fd, frame)
    if (errno === 0) return
    this.#unsent++
    this.#onError?.(errnoError('send', errno))
  }

  statistics(): { packets: number; drops: number; unsent: number } {
    if (this.#open) {
      // struct tpacket_stats, which the kernel sets to zero each time it is read.
      const counters = getOption(this.#fd, socketOptions.packetStatistics, 8)
      this.#packets += counters.readUInt32LE(0)
      this.#drops += counters.readUInt32LE(4)
    }
    return { packets: this.#packets, drops: this.#drops, unsent: this.#unsent }
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poll.close()
    closeDescriptor(this.#fd)
  }

  #read(): void {
    for (let frames = 0; frames < FRAMES_PER_TURN && this.#open; frames++) {
      const length = receive(this.#fd, this.#buffer)
      if (length >= 0) {
        this.#onFrame(this.#buffer.subarray(0, Math.min(length, this.#buffer.length)))
      } else {
        if (-length !== errnos.EAGAIN) this.#onError?.(errnoError('recvfrom', -length))
        return
      }
    }
  }
}

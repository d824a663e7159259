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
  setIntOption,
  socketOptions,
  socketTypes,
  trySend,
} from './libc.ts'
import { setNetworkControl } from './network-control.ts'
import { pollReadable, type Poll } from './poll-handle.ts'
import { ReceiveBatch } from './receive-batch.ts'
import { linkLayerAddress } from './sockaddr.ts'

export interface PacketSocketOptions {
  readonly interfaceIndex: number
  /** in host order, such as 0x0806 */
  readonly etherType: number
  /** a program of `filters.ts` or of one's own; without it every frame of the EtherType arrives */
  readonly filter?: Uint8Array
  /** the kernel notes when it received each frame, for `frameAge` */
  readonly timestamps?: boolean
  /**
   * The interface went down or away (ENETDOWN), or a frame could not be sent (ENETDOWN, EMSGSIZE, ENOBUFS …). The
   * socket stays open: it works again when the interface comes up, and never when it was removed.
   */
  readonly onError?: (error: SystemError) => void
}

/** Ethernet frames of one EtherType on one interface, header included both ways. */
export interface PacketSocket {
  /**
   * Sends one whole frame; false when the kernel refuses it. Never throws: a frame may always be lost, so one that is
   * refused is counted and given to `onError`.
   */
  send(frame: Uint8Array): boolean
  /**
   * Microseconds since the kernel received the frame that `onFrame` is called with; NaN without `timestamps`. Of the
   * wall clock: negative or too much by hours when somebody set it meanwhile.
   */
  frameAge(): number
  /** Totals since opening. `packets` includes `drops`, which the kernel made for want of buffer. */
  statistics(): { packets: number; drops: number; unsent: number }
  close(): void
}

/** Frames read in one turn of the event loop, so that a flood starves no timer. */
const FRAMES_PER_TURN = 64

/** Frames read by one system call. */
const FRAMES_PER_CALL = 16

/** Of this thread: sockets are read one after the other. */
let shared: ReceiveBatch | undefined

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
    if (options.timestamps === true) setIntOption(fd, socketOptions.timestampNs, 1, 'SO_TIMESTAMPNS')
    setNetworkControl(fd, undefined)
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
  readonly #batch: ReceiveBatch
  /** which of the batch is being handled */
  #current = 0
  #open = true
  #packets = 0
  #drops = 0
  #unsent = 0

  constructor(fd: number, options: PacketSocketOptions, onFrame: (frame: Buffer) => void) {
    this.#fd = fd
    this.#onFrame = onFrame
    this.#onError = options.onError
    shared ??= new ReceiveBatch(FRAMES_PER_CALL, maxFrame)
    this.#batch = shared
    this.#poll = pollReadable(fd, () => this.#read())
  }

  send(frame: Uint8Array): boolean {
    if (!this.#open) return false
    const errno = trySend(this.#fd, frame)
    if (errno === 0) return true
    this.#unsent++
    this.#onError?.(errnoError('send', errno))
    return false
  }

  frameAge(): number {
    return this.#batch.age(this.#current)
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
    for (let frames = 0; frames < FRAMES_PER_TURN && this.#open; frames += FRAMES_PER_CALL) {
      const count = this.#batch.receive(this.#fd)
      if (count < 0) {
        if (-count !== errnos.EAGAIN) this.#onError?.(errnoError('recvmmsg', -count))
        return
      }
      for (this.#current = 0; this.#current < count && this.#open; this.#current++) {
        this.#onFrame(this.#batch.datagram(this.#current))
      }
      if (count < FRAMES_PER_CALL) return
    }
  }
}

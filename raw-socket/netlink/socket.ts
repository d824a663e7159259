import { errnoError, errnoName, errnos, SystemError } from '../errors.ts'
import {
  addressFamilies,
  bindSocket,
  closeDescriptor,
  enlargeBuffer,
  getIntOption,
  lastSender,
  openSocket,
  receive,
  setIntOption,
  socketName,
  socketOptions,
  socketTypes,
  trySend,
} from '../libc.ts'
import { pollReadable, type Poll } from '../poll-handle.ts'
import { netlinkAddress, netlinkGroups, netlinkPort } from '../sockaddr.ts'
import {
  controlTypes,
  messageFlags,
  parseAcknowledgement,
  parseMessages,
  type NetlinkMessage,
} from './message.ts'

/** Protocols of socket(2) for AF_NETLINK. */
export const netlinkProtocols = { route: 0, netfilter: 12 } as const

export interface NetlinkOptions {
  /** multicast groups to join at once; see `join` */
  readonly groups?: readonly number[]
  /** least receive buffer in octets, as far as the process may; 8 MiB by default */
  readonly receiveBuffer?: number
  /** what arrives by way of the groups; the body is a copy of one's own */
  readonly onMessage?: (message: NetlinkMessage) => void
  /**
   * the kernel dropped messages for want of buffer: whatever was learned from them must be read afresh. Told when all
   * that waited has been read, and nothing of it is handed out any more: what is handed out later is without a gap.
   */
  readonly onOverrun?: () => void
  /** reading failed in another way */
  readonly onError?: (error: SystemError) => void
}

/** A netlink socket (netlink(7)): requests with their answers, and messages of multicast groups. */
export interface NetlinkSocket {
  /** how the kernel calls this socket; messages that it caused carry it as `pid` */
  readonly port: number
  /** octets that one request may have */
  readonly maxRequest: number
  /** sequence numbers for `count` messages: the first of them */
  sequence(count?: number): number
  /**
   * Sends one datagram and gives the answers. `last` is the sequence number of the message whose acknowledgement
   * (NLM_F_ACK) or end of listing (NLM_F_DUMP) ends the exchange, and `first` that of the first message sent
   * with it (the same by default); a refusal of `first` ends the exchange too. Requests wait for one another.
   * The payload is taken over at once when nothing is being waited for, else copied.
   * @throws SystemError FL_SYS_NETLINK, FL_SYS_DUMP_INTERRUPTED, FL_SYS_OVERRUN, FL_SYS_TOO_LONG, FL_SYS_TIMEOUT,
   *   FL_SYS_CLOSED, FL_SYS_BUSY, FL_SYS_TRUNCATED, FL_SYS_ERRNO
   */
  request(payload: Uint8Array, last: number, first?: number): Promise<NetlinkMessage[]>
  /**
   * As `request` for one listing that may be too long to hold: each answer is given to `onAnswer` as it is read, and
   * forgotten. The kernel works on the listing as it is read, a few datagrams in one turn of the event loop, and the
   * time limit counts from the last of them. `onAnswer` must not throw.
   */
  stream(payload: Uint8Array, seq: number, onAnswer: (message: NetlinkMessage) => void): Promise<void>
  /**
   * Joins a multicast group by its number, 1 to 32, as in RTNLGRP_LINK = 1 (not the bit mask RTMGRP_LINK).
   * @throws SystemError FL_SYS_ERRNO
   */
  join(group: number): void
  close(): void
}

/** Requests that may wait, beyond which a caller gets FL_SYS_BUSY. */
const QUEUE_LIMIT = 256
/** Datagrams read in one turn of the event loop. */
const DATAGRAMS_PER_TURN = 64
/** The same of a listing that is streamed: the kernel makes each of up to 32 KiB while it is being read. */
const STREAMED_PER_TURN = 8
const SEND_BUFFER = 64 << 20
const RECEIVE_BUFFER = 8 << 20
/** The kernel makes no datagram of a listing longer than 32 KiB. */
const DATAGRAM = 128 << 10
/** Numbers begin again behind this, which leaves room for the longest transaction. */
const MAX_SEQUENCE = 0xf0000000
/** The kernel answers during the call or not at all. */
const TIMEOUT = 10_000

/**
 * Opens a netlink socket in the calling thread's network namespace, in which it stays.
 * @throws SystemError FL_SYS_ERRNO
 */
export function openNetlink(protocol: number, options: NetlinkOptions = {}): NetlinkSocket {
  const fd = openSocket(addressFamilies.netlink, socketTypes.raw, protocol)
  try {
    enlargeBuffer(fd, 'receive', options.receiveBuffer ?? RECEIVE_BUFFER)
    enlargeBuffer(fd, 'send', SEND_BUFFER)
    // Acknowledgements without a copy of the request, and with the kernel's words where it has some.
    setIntOption(fd, socketOptions.netlinkCapAck, 1, 'NETLINK_CAP_ACK')
    setIntOption(fd, socketOptions.netlinkExtAck, 1, 'NETLINK_EXT_ACK')
    bindSocket(fd, netlinkAddress())
    for (const group of options.groups ?? []) joinGroup(fd, group)
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
  return new PolledNetlinkSocket(fd, options)
}

function joinGroup(fd: number, group: number): void {
  setIntOption(fd, socketOptions.netlinkAddMembership, group, `netlink group ${group}`)
}

interface Exchange {
  readonly payload: Uint8Array
  readonly first: number
  readonly last: number
  readonly resolve: (messages: NetlinkMessage[]) => void
  readonly reject: (error: SystemError) => void
  readonly answers: NetlinkMessage[]
  /** takes the answers instead of `answers` */
  readonly onAnswer?: (message: NetlinkMessage) => void
  refusal?: SystemError
  interrupted: boolean
}

class PolledNetlinkSocket implements NetlinkSocket {
  readonly port: number
  readonly maxRequest: number
  readonly #fd: number
  readonly #poll: Poll
  readonly #options: NetlinkOptions
  readonly #buffer = Buffer.alloc(DATAGRAM)
  readonly #queue: Exchange[] = []
  #current: Exchange | undefined
  #timer: NodeJS.Timeout | undefined
  #sequence = 1
  #open = true
  /** messages were dropped; until all that waits is read the kernel goes on dropping (NETLINK_S_CONGESTED) */
  #overran = false

  constructor(fd: number, options: NetlinkOptions) {
    this.#fd = fd
    this.#options = options
    this.port = netlinkPort(socketName(fd))
    // net/netlink/af_netlink.c, netlink_sendmsg: the send buffer less 32 octets.
    this.maxRequest = getIntOption(fd, socketOptions.sendBuffer) - 32
    this.#poll = pollReadable(fd, () => this.#read())
  }

  sequence(count = 1): number {
    if (this.#sequence > MAX_SEQUENCE) this.#sequence = 1
    const first = this.#sequence
    this.#sequence += count
    return first
  }

  request(payload: Uint8Array, last: number, first = last): Promise<NetlinkMessage[]> {
    return this.#request(payload, last, first)
  }

  async stream(payload: Uint8Array, seq: number, onAnswer: (message: NetlinkMessage) => void): Promise<void> {
    await this.#request(payload, seq, seq, onAnswer)
  }

  #request(
    payload: Uint8Array,
    last: number,
    first: number,
    onAnswer?: (message: NetlinkMessage) => void,
  ): Promise<NetlinkMessage[]> {
    if (!this.#open) return Promise.reject(closed())
    if (payload.length > this.maxRequest) {
      const why = `netlink request of ${payload.length} octets; at most ${this.maxRequest} fit`
      return Promise.reject(new SystemError('FL_SYS_TOO_LONG', why))
    }
    if (this.#queue.length >= QUEUE_LIMIT) {
      return Promise.reject(new SystemError('FL_SYS_BUSY', `${QUEUE_LIMIT} netlink requests are waiting`))
    }
    return new Promise((resolve, reject) => {
      const exchange = { first, last, resolve, reject, answers: [], interrupted: false, onAnswer }
      if (this.#current === undefined) this.#start({ payload, ...exchange })
      else this.#queue.push({ payload: new Uint8Array(payload), ...exchange })
    })
  }

  join(group: number): void {
    joinGroup(this.#fd, group)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#poll.close()
    closeDescriptor(this.#fd)
    clearTimeout(this.#timer)
    for (const exchange of [this.#current, ...this.#queue]) exchange?.reject(closed())
    this.#current = undefined
    this.#queue.length = 0
  }

  #start(exchange: Exchange): void {
    this.#current = exchange
    const errno = trySend(this.#fd, exchange.payload)
    if (errno !== 0) {
      exchange.refusal = errnoError('send', errno, 'netlink')
      this.#finish()
      return
    }
    this.#timer = setTimeout(() => {
      this.#fail(new SystemError('FL_SYS_TIMEOUT', `netlink: no answer in ${TIMEOUT} ms`))
    }, TIMEOUT)
    // The kernel works on a request while it is being sent, so the answer is usually there already.
    this.#read()
  }

  #read(): void {
    const limit = this.#current?.onAnswer === undefined ? DATAGRAMS_PER_TURN : STREAMED_PER_TURN
    for (let datagrams = 0; datagrams < limit && this.#open; datagrams++) {
      const length = receive(this.#fd, this.#buffer)
      if (length < 0) {
        if (-length === errnos.ENOBUFS) this.#overrun()
        else if (-length !== errnos.EAGAIN) {
          const error = errnoError('recvfrom', -length, 'netlink')
          if (!this.#fail(error)) this.#options.onError?.(error)
          return
        } else return this.#drained()
        continue
      }
      // Only the kernel's word counts; other processes can send to our port too.
      if (netlinkPort(lastSender) !== 0) continue
      try {
        if (length > DATAGRAM)
          throw new SystemError('FL_SYS_TRUNCATED', `netlink datagram of ${length} octets`)
        const multicast = netlinkGroups(lastSender) !== 0
        for (const message of parseMessages(Buffer.from(this.#buffer.subarray(0, length)))) {
          if (!multicast) this.#dispatch(message)
          else if (!this.#overran) this.#options.onMessage?.(message)
        }
      } catch (error) {
        if (!(error instanceof SystemError)) throw error
        if (!this.#fail(error)) this.#options.onError?.(error)
      }
    }
  }

  #overrun(): void {
    this.#fail(
      new SystemError('FL_SYS_OVERRUN', 'netlink: the kernel dropped messages', { errno: errnos.ENOBUFS }),
    )
    this.#overran = true
  }

  #drained(): void {
    if (!this.#overran) return
    this.#overran = false
    this.#options.onOverrun?.()
  }

  #dispatch(message: NetlinkMessage): void {
    const exchange = this.#current
    // Answers to an exchange that was given up match nothing.
    if (exchange === undefined || message.seq < exchange.first || message.seq > exchange.last) return
    if ((message.flags & messageFlags.dumpInterrupted) !== 0) exchange.interrupted = true
    if (message.type === controlTypes.error) {
      const { errno, text } = parseAcknowledgement(message)
      if (errno !== 0) exchange.refusal ??= refusal(errno, text, message.seq, exchange.first)
      if (message.seq === exchange.last || (errno !== 0 && message.seq === exchange.first)) this.#finish()
    } else if (message.type === controlTypes.done) {
      const errno = message.body.length >= 4 ? -message.body.readInt32LE(0) : 0
      if (errno > 0) exchange.refusal ??= refusal(errno, '', message.seq, exchange.first)
      this.#finish()
    } else if (message.type > controlTypes.overrun) {
      if (exchange.onAnswer === undefined) exchange.answers.push(message)
      else {
        this.#timer?.refresh()
        exchange.onAnswer(message)
      }
    }
  }

  /** Ends the exchange in progress with what it has, and starts the next. */
  #finish(): void {
    const exchange = this.#current
    if (exchange === undefined) return
    this.#current = undefined
    clearTimeout(this.#timer)
    if (exchange.refusal !== undefined) exchange.reject(exchange.refusal)
    else if (exchange.interrupted) {
      const why = 'netlink: the table changed while it was being listed'
      exchange.reject(new SystemError('FL_SYS_DUMP_INTERRUPTED', why, { errno: errnos.EINTR }))
    } else exchange.resolve(exchange.answers)
    const next = this.#queue.shift()
    if (next !== undefined) this.#start(next)
  }

  /** Ends the exchange in progress, if there is one, with this error. */
  #fail(error: SystemError): boolean {
    if (this.#current === undefined) return false
    this.#current.refusal = error
    this.#finish()
    return true
  }
}

const closed = (): SystemError => new SystemError('FL_SYS_CLOSED', 'the netlink socket is closed')

function refusal(errno: number, text: string, seq: number, first: number): SystemError {
  const why = text === '' ? errnoName(errno) : `${errnoName(errno)}: ${text}`
  return new SystemError('FL_SYS_NETLINK', `netlink: ${why}`, { errno, index: seq - first, seq })
}

import koffi from 'koffi'
import { endianness } from 'node:os'
import { errnoError, errnos, SystemError } from './errors.ts'

/**
 * The system calls that Node does not offer, as thin functions: numbers and buffers in, a result or a coded error
 * out. This file and `poll-handle.ts` are the only ones that import koffi; a C addon with the same exports could
 * take their place.
 *
 * A buffer handed to a call that does not keep it (all of these) needs no care. Structures are little endian.
 */

if (endianness() !== 'LE') throw new SystemError('FL_SYS_ARGUMENT', 'big-endian machines are not supported')

/** Address families of socket(2). */
export const addressFamilies = { inet: 2, inet6: 10, netlink: 16, packet: 17 } as const

/** Socket types of socket(2). */
export const socketTypes = { stream: 1, datagram: 2, raw: 3 } as const

/** Levels and names of setsockopt(2): asm-generic/socket.h, linux/{in,in6,tcp,if_packet,netlink}.h,
 *  linux/netfilter_{ipv4/ip,ipv6/ip6}_tables.h. */
export const socketOptions = {
  reuseAddress: [1, 2],
  error: [1, 4],
  sendBuffer: [1, 7],
  receiveBuffer: [1, 8],
  priority: [1, 12],
  bindToDevice: [1, 25],
  attachFilter: [1, 26],
  sendBufferForce: [1, 32],
  receiveBufferForce: [1, 33],
  timestampNs: [1, 35],
  mark: [1, 36],
  memoryInfo: [1, 55],
  ipTos: [0, 1],
  ipTtl: [0, 2],
  iptablesInfo: [0, 64],
  iptablesEntries: [0, 65],
  ipMinTtl: [0, 21],
  ipv6UnicastHops: [41, 16],
  ipv6Only: [41, 26],
  ip6tablesInfo: [41, 64],
  ip6tablesEntries: [41, 65],
  ipv6TrafficClass: [41, 67],
  ipv6MinHopCount: [41, 73],
  tcpMd5: [6, 14],
  tcpUserTimeout: [6, 18],
  packetStatistics: [263, 6],
  packetIgnoreOutgoing: [263, 23],
  netlinkAddMembership: [270, 1],
  netlinkCapAck: [270, 10],
  netlinkExtAck: [270, 11],
} as const satisfies Record<string, readonly [level: number, name: number]>

export type SocketOption = (typeof socketOptions)[keyof typeof socketOptions]

const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const MSG_TRUNC = 0x20
const MSG_NOSIGNAL = 0x4000
const CLONE_NEWNET = 0x40000000
const CLOCK_REALTIME = 0

// The C library that Node itself runs on: glibc or musl.
const library = koffi.load(null)

type Call = (...args: (number | Uint8Array | string | null)[]) => number

const declare = (prototype: string): Call => library.func(prototype)

const c = {
  socket: declare('int socket(int, int, int)'),
  bind: declare('int bind(int, const void*, uint32_t)'),
  listen: declare('int listen(int, int)'),
  getsockname: declare('int getsockname(int, void*, void*)'),
  setsockopt: declare('int setsockopt(int, int, int, const void*, uint32_t)'),
  getsockopt: declare('int getsockopt(int, int, int, void*, void*)'),
  send: declare('long send(int, const void*, size_t, int)'),
  recvfrom: declare('long recvfrom(int, void*, size_t, int, void*, void*)'),
  recvmmsg: declare('int recvmmsg(int, void*, uint32_t, int, void*)'),
  clockGettime: declare('int clock_gettime(int, void*)'),
  close: declare('int close(int)'),
  setns: declare('int setns(int, int)'),
  unshare: declare('int unshare(int)'),
  ifNameToIndex: declare('uint32_t if_nametoindex(const char*)'),
  pthreadSelf: declare('uintptr_t pthread_self(void)'),
  pthreadSetSchedParam: declare('int pthread_setschedparam(uintptr_t, int, const void*)'),
}

/**
 * The result of a call, or its error.
 * @throws SystemError FL_SYS_ERRNO when the result is negative
 */
function check(result: number, syscall: string, about = ''): number {
  if (result < 0) throw errnoError(syscall, koffi.errno(), about)
  return result
}

/** A socket that never blocks and that child processes do not inherit. */
export const openSocket = (family: number, type: number, protocol: number): number =>
  check(c.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), 'socket')

export function bindSocket(fd: number, address: Uint8Array, about = ''): void {
  check(c.bind(fd, address, address.length), 'bind', about)
}

export function listenSocket(fd: number, backlog: number): void {
  check(c.listen(fd, backlog), 'listen')
}

/** The sockaddr that the kernel gave the socket. */
export function socketName(fd: number): Buffer {
  const address = Buffer.alloc(128)
  const length = int32(address.length)
  check(c.getsockname(fd, address, length), 'getsockname')
  return address.subarray(0, length.readInt32LE())
}

export function setOption(fd: number, option: SocketOption, value: Uint8Array, about = ''): void {
  check(c.setsockopt(fd, option[0], option[1], value, value.length), 'setsockopt', about)
}

export const setIntOption = (fd: number, option: SocketOption, value: number, about = ''): void =>
  setOption(fd, option, int32(value), about)

/** As `setIntOption`; false instead of an error when the process may not. */
export function tryIntOption(fd: number, option: SocketOption, value: number): boolean {
  return c.setsockopt(fd, option[0], option[1], int32(value), 4) >= 0
}

/** The first `length` octets of an option's value. */
export function getOption(fd: number, option: SocketOption, length: number): Buffer {
  const value = Buffer.alloc(length)
  check(c.getsockopt(fd, option[0], option[1], value, int32(length)), 'getsockopt')
  return value
}

/**
 * For options whose value is also a question: the kernel reads the buffer and answers in it.
 * @throws SystemError FL_SYS_ERRNO
 */
export function exchangeOption(fd: number, option: SocketOption, value: Uint8Array, about = ''): void {
  check(c.getsockopt(fd, option[0], option[1], value, int32(value.length)), 'getsockopt', about)
}

export const getIntOption = (fd: number, option: SocketOption): number =>
  getOption(fd, option, 4).readInt32LE()

/**
 * Attaches a classic BPF program (`bpf.ts`), which from then on decides what the socket receives.
 * @throws SystemError FL_SYS_ERRNO, EINVAL when the kernel's checker refuses it
 */
export function attachFilter(fd: number, program: Uint8Array): void {
  // struct sock_fprog { unsigned short len; struct sock_filter *filter }. The kernel copies the program.
  const fprog = Buffer.alloc(16)
  fprog.writeUInt16LE(program.length / 8, 0)
  fprog.writeBigUInt64LE(koffi.address(program), 8)
  setOption(fd, socketOptions.attachFilter, fprog, 'SO_ATTACH_FILTER')
}

/**
 * Makes the send or receive buffer at least this large where the process may, else as large as it may.
 * The limits net.core.{w,r}mem_max bind all but an administrator of the first user namespace.
 */
export function enlargeBuffer(fd: number, which: 'send' | 'receive', octets: number): void {
  const force = which === 'send' ? socketOptions.sendBufferForce : socketOptions.receiveBufferForce
  const plain = which === 'send' ? socketOptions.sendBuffer : socketOptions.receiveBuffer
  if (getIntOption(fd, plain) >= octets) return
  if (!tryIntOption(fd, force, octets)) setIntOption(fd, plain, octets)
}

/** Sends; returns 0, or the errno for the caller to judge. */
export function trySend(fd: number, octets: Uint8Array): number {
  return c.send(fd, octets, octets.length, MSG_NOSIGNAL) >= 0 ? 0 : koffi.errno()
}

const sender = Buffer.alloc(128)
const senderLength = int32(0)

/**
 * Receives one datagram: its true length, which is more than `buffer.length` when it was cut; or minus the errno.
 * The sender's sockaddr is in `lastSender` until the next call.
 */
export function receive(fd: number, buffer: Uint8Array): number {
  senderLength.writeInt32LE(sender.length)
  for (;;) {
    const length = c.recvfrom(fd, buffer, buffer.length, MSG_TRUNC, sender, senderLength)
    if (length >= 0) return length
    const errno = koffi.errno()
    if (errno !== errnos.EINTR) return -errno
  }
}

/** The sockaddr of whoever sent what `receive` returned last. */
export const lastSender: Buffer = sender

/**
 * Receives several datagrams by one call, into an array of `struct mmsghdr` (`receive-batch.ts`): how many came, fewer
 * than `capacity` when there are no more; or minus the errno. Lengths are true ones, as with `receive`.
 */
export function receiveMany(fd: number, headers: Uint8Array, capacity: number): number {
  for (;;) {
    const count = c.recvmmsg(fd, headers, capacity, MSG_TRUNC, null)
    if (count >= 0) return count
    const errno = koffi.errno()
    if (errno !== errnos.EINTR) return -errno
  }
}

/** Where a buffer lies, for structures that point at it. Whoever keeps the number keeps the buffer, too. */
export const pointerTo = (buffer: Uint8Array): bigint => koffi.address(buffer)

/** The wall clock as the kernel stamps packets with it, into a `struct timespec` of 16 octets. */
export function readWallClock(time: Uint8Array): void {
  check(c.clockGettime(CLOCK_REALTIME, time), 'clock_gettime')
}

export function closeDescriptor(fd: number): void {
  check(c.close(fd), 'close')
}

/** Moves the calling thread into the network namespace behind this descriptor. */
export function setNetworkNamespace(fd: number): void {
  check(c.setns(fd, CLONE_NEWNET), 'setns', 'CLONE_NEWNET')
}

/** Moves the calling thread into a network namespace of its own, which is new and empty. */
export function newNetworkNamespace(): void {
  check(c.unshare(CLONE_NEWNET), 'unshare', 'CLONE_NEWNET')
}

/**
 * Index of a network interface in the calling thread's namespace.
 * @throws SystemError FL_SYS_ERRNO, ENODEV
 */
export function interfaceIndex(name: string): number {
  const index = c.ifNameToIndex(name)
  if (index === 0) throw errnoError('if_nametoindex', errnos.ENODEV, name)
  return index
}

const SCHED_OTHER = 0
const SCHED_RR = 2
const SCHED_RESET_ON_FORK = 0x40000000
/** Of `struct sched_param`: musl's has more after the priority than the one number of glibc's. */
const schedParamLength = 64

/**
 * Lets the calling thread run before all ordinary ones, at the lowest real-time priority, or as the others again.
 * Threads and processes that it starts are ordinary.
 * @throws SystemError FL_SYS_ERRNO, EPERM without CAP_SYS_NICE or in a control group without real-time share
 */
export function setRealTime(on: boolean): void {
  const priority = Buffer.alloc(schedParamLength)
  priority.writeInt32LE(on ? 1 : 0)
  const policy = (on ? SCHED_RR : SCHED_OTHER) | SCHED_RESET_ON_FORK
  const errno = c.pthreadSetSchedParam(c.pthreadSelf(), policy, priority)
  if (errno !== 0) throw errnoError('pthread_setschedparam', errno)
}

/** Gives what malloc keeps for later back to the kernel, of all threads; musl keeps little and has no such call. */
export function giveBackMemory(): void {
  if (trim === undefined) {
    try {
      trim = declare('int malloc_trim(size_t)')
    } catch {
      trim = () => 0
    }
  }
  trim(0)
}

let trim: Call | undefined

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}

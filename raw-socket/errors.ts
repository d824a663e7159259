import { constants } from 'node:os'

/** Every way in which this room fails. */
export type SystemErrorCode =
  /** a system call refused: `syscall`, `errno`, `errnoName` */
  | 'FL_SYS_ERRNO'
  /** the kernel refused a netlink message: `errno`, `errnoName`, `index`, `seq` */
  | 'FL_SYS_NETLINK'
  /** the table changed under a netlink listing, which may therefore be wrong: list again */
  | 'FL_SYS_DUMP_INTERRUPTED'
  /** the kernel dropped messages for want of buffer: what was being received is not complete */
  | 'FL_SYS_OVERRUN'
  /** fewer octets than the lengths inside them promise */
  | 'FL_SYS_TRUNCATED'
  /** more octets than a length field can say, or than the kernel takes at once */
  | 'FL_SYS_TOO_LONG'
  /** the queue of a socket is full */
  | 'FL_SYS_BUSY'
  /** the kernel did not answer in time */
  | 'FL_SYS_TIMEOUT'
  /** the socket was closed before the answer came */
  | 'FL_SYS_CLOSED'
  /** the caller asked for something impossible */
  | 'FL_SYS_ARGUMENT'

export interface SystemErrorDetail {
  readonly syscall?: string
  readonly errno?: number
  readonly index?: number
  readonly seq?: number
  readonly cause?: unknown
}

/** Something the kernel refused, or that this room refuses to ask of it. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly code: SystemErrorCode
  /** the system call, '' when none was refused */
  readonly syscall: string
  /** positive; 0 when no call was refused */
  readonly errno: number
  /** such as `EADDRINUSE`; '' when `errno` is 0 */
  readonly errnoName: string
  /** position of the refused message among those sent together; -1 when it does not apply */
  readonly index: number
  /** sequence number of the refused message; -1 when it does not apply */
  readonly seq: number

  constructor(code: SystemErrorCode, message: string, detail: SystemErrorDetail = {}) {
    super(message, 'cause' in detail ? { cause: detail.cause } : undefined)
    this.code = code
    this.syscall = detail.syscall ?? ''
    this.errno = detail.errno ?? 0
    this.errnoName = this.errno === 0 ? '' : errnoName(this.errno)
    this.index = detail.index ?? -1
    this.seq = detail.seq ?? -1
  }
}

/** The error of a refused system call; `about` says what it was for, such as `bind (10.0.0.1:179)`. */
export function errnoError(syscall: string, errno: number, about = ''): SystemError {
  const what = about === '' ? syscall : `${syscall} (${about})`
  return new SystemError('FL_SYS_ERRNO', `${what}: ${errnoName(errno)}`, { syscall, errno })
}

const names = new Map<number, string>()
for (const [name, value] of Object.entries(constants.errno)) {
  // EWOULDBLOCK and ENOTSUP share their number with EAGAIN and EOPNOTSUPP, which manual pages use.
  if (name !== 'EWOULDBLOCK' && name !== 'ENOTSUP') names.set(value, name)
}

/** `ENOENT` for 2; `errno 999` for a number without a name. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`

/** The numbers this project decides on. */
export const errnos = {
  ENOENT: constants.errno.ENOENT,
  EINTR: constants.errno.EINTR,
  EAGAIN: constants.errno.EAGAIN,
  EBUSY: constants.errno.EBUSY,
  EEXIST: constants.errno.EEXIST,
  ENODEV: constants.errno.ENODEV,
  EINVAL: constants.errno.EINVAL,
  EPERM: constants.errno.EPERM,
  ENETDOWN: constants.errno.ENETDOWN,
  ENOBUFS: constants.errno.ENOBUFS,
  EMSGSIZE: constants.errno.EMSGSIZE,
  ENXIO: constants.errno.ENXIO,
  EINPROGRESS: constants.errno.EINPROGRESS,
} as const

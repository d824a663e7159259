import { readFileSync } from 'node:fs'
import { errnos, SystemError } from './errors.ts'
import {
  addressFamilies,
  closeDescriptor,
  exchangeOption,
  openSocket,
  socketOptions,
  socketTypes,
} from './libc.ts'

/**
 * Names of chains in the kernel's old packet filter, which `iptables-legacy` writes. nf_tables knows nothing of them,
 * and the two catch packets side by side. Structures: linux/netfilter_ipv4/ip_tables.h, ip6_tables.h, x_tables.h.
 */

type Family = 4 | 6

interface Shape {
  /** tables that are in use in a network namespace, a line each */
  readonly names: string
  readonly domain: number
  readonly info: (typeof socketOptions)['iptablesInfo' | 'ip6tablesInfo']
  readonly entries: (typeof socketOptions)['iptablesEntries' | 'ip6tablesEntries']
  /** octets of struct ipt_entry or ip6t_entry before what it matches */
  readonly header: number
  /** where that structure has target_offset; next_offset follows */
  readonly offsets: number
}

const shapes: Readonly<Record<Family, Shape>> = {
  4: {
    names: '/proc/thread-self/net/ip_tables_names',
    domain: addressFamilies.inet,
    info: socketOptions.iptablesInfo,
    entries: socketOptions.iptablesEntries,
    header: 112,
    offsets: 88,
  },
  6: {
    names: '/proc/thread-self/net/ip6_tables_names',
    domain: addressFamilies.inet6,
    info: socketOptions.ip6tablesInfo,
    entries: socketOptions.ip6tablesEntries,
    header: 168,
    offsets: 140,
  },
}

/** XT_TABLE_MAXNAMELEN */
const NAME_LENGTH = 32
/** struct ipt_getinfo, and where it has `size` */
const INFO_LENGTH = 84
const INFO_SIZE = 80
/** struct ipt_get_entries before the entries: name, size, and four octets so that entries begin at a multiple of 8 */
const QUESTION_LENGTH = 40
/** A rule was added between asking for the size and for the rules: ask again, this often. */
const ATTEMPTS = 5

/**
 * User-defined chains of a table in the calling thread's network namespace; none when the table is not in use. Only
 * looks: asking the kernel for a table that nobody uses would make it, so it is asked only for those that it lists.
 * @throws SystemError FL_SYS_ERRNO, EPERM without CAP_NET_ADMIN; FL_SYS_TRUNCATED
 */
export function legacyChains(family: Family, table: string): readonly string[] {
  const shape = shapes[family]
  if (!tablesInUse(shape).includes(table)) return []
  const fd = openSocket(shape.domain, socketTypes.datagram, 0)
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return chainNames(family, readEntries(fd, shape, table))
      } catch (error) {
        const changed = error instanceof SystemError && error.errno === errnos.EAGAIN
        if (!changed || attempt === ATTEMPTS) throw error
      }
    }
  } finally {
    closeDescriptor(fd)
  }
}

function tablesInUse({ names }: Shape): readonly string[] {
  try {
    return readFileSync(names, 'utf8').split('\n')
  } catch {
    // This kernel has no such packet filter, or we may not look.
    return []
  }
}

function readEntries(fd: number, shape: Shape, table: string): Buffer {
  const info = Buffer.alloc(INFO_LENGTH)
  info.write(table, 0, NAME_LENGTH - 1, 'latin1')
  exchangeOption(fd, shape.info, info, `table ${table}`)
  const size = info.readUInt32LE(INFO_SIZE)
  const answer = Buffer.alloc(QUESTION_LENGTH + size)
  answer.write(table, 0, NAME_LENGTH - 1, 'latin1')
  answer.writeUInt32LE(size, NAME_LENGTH)
  exchangeOption(fd, shape.entries, answer, `rules of table ${table}`)
  return answer.subarray(QUESTION_LENGTH)
}

/** struct xt_entry_target: size, name, revision; behind it, struct xt_error_target has the name of a chain */
const TARGET_NAME = 2
const ERROR_NAME = 32
const ERROR_NAME_LENGTH = 30
/** XT_ERROR_TARGET */
const ERROR_TARGET = 'ERROR'
/** the same with its final zero, as a number: a table may have a hundred thousand entries to compare it with */
const ERROR_OCTETS = Buffer.from(`${ERROR_TARGET}\0`).readUIntLE(0, 6)

/**
 * Names of the user-defined chains among the entries of a table. A chain begins with an entry whose target is an
 * error with the chain's name, and so does the end of the table, with the name `ERROR`.
 * @throws SystemError FL_SYS_TRUNCATED
 */
export function chainNames(family: Family, entries: Buffer): readonly string[] {
  const { header, offsets } = shapes[family]
  const names: string[] = []
  for (let at = 0; at < entries.length;) {
    if (at + header > entries.length) throw truncated(at)
    const target = at + entries.readUInt16LE(at + offsets)
    const next = at + entries.readUInt16LE(at + offsets + 2)
    if (target < at + header || next < target + ERROR_NAME || next > entries.length) throw truncated(at)
    if (entries.readUIntLE(target + TARGET_NAME, 6) === ERROR_OCTETS) {
      if (next < target + ERROR_NAME + ERROR_NAME_LENGTH) throw truncated(at)
      const name = text(entries, target + ERROR_NAME, ERROR_NAME_LENGTH)
      if (name !== ERROR_TARGET) names.push(name)
    }
    at = next
  }
  return names
}

function text(octets: Buffer, at: number, length: number): string {
  const end = octets.indexOf(0, at)
  return octets.toString('latin1', at, end < 0 ? at + length : Math.min(end, at + length))
}

const truncated = (at: number): SystemError =>
  new SystemError('FL_SYS_TRUNCATED', `iptables: the entry at octet ${at} does not end within the table`)

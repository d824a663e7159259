import { readFileSync } from 'node:fs'

/** Segments that the kernel dropped for their TCP MD5 signature (RFC 2385), in the whole network namespace. */
export interface Md5Counters {
  /** a signature was expected and there was none */
  readonly missing: number
  /** there was one and none was expected */
  readonly unexpected: number
  /** it was made with another password */
  readonly wrong: number
}

/** Of the calling thread's network namespace; /proc/net is that of the main thread. */
const NETSTAT = '/proc/thread-self/net/netstat'

const names = { missing: 'TCPMD5NotFound', unexpected: 'TCPMD5Unexpected', wrong: 'TCPMD5Failure' } as const

/** The counters in the text of /proc/net/netstat; those that the kernel does not have are 0. */
export function parseMd5Counters(netstat: string): Md5Counters {
  const lines = netstat.split('\n').filter((line) => line.startsWith('TcpExt: '))
  const [headings = [], values = []] = lines.map((line) => line.split(' '))
  const value = (name: string): number => Number(values[headings.indexOf(name)] ?? 0)
  return {
    missing: value(names.missing),
    unexpected: value(names.unexpected),
    wrong: value(names.wrong),
  }
}

/** The counters as they are now; 0 where the kernel gives none. */
export function readMd5Counters(): Md5Counters {
  try {
    return parseMd5Counters(readFileSync(NETSTAT, 'utf8'))
  } catch {
    return parseMd5Counters('')
  }
}

/**
 * What the difference of two readings says about a peer that does not answer; '' when it says nothing. A router that
 * drops our segments for their signature counts them on its side only, so nothing here is no proof.
 */
export function md5Words(before: Md5Counters, now: Md5Counters): string {
  const since = (key: keyof Md5Counters): number => now[key] - before[key]
  const words = [
    [since('missing'), 'without the TCP MD5 signature that a password here asks for'],
    [since('unexpected'), 'with a TCP MD5 signature that no password here asks for'],
    [since('wrong'), 'with a TCP MD5 signature of another password'],
  ] as const
  const told = words.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  return told.length === 0 ? '' : `meanwhile this node dropped segments: ${told.join(', ')}`
}

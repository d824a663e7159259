import { expect, test } from 'vitest'
import { md5Words, parseMd5Counters } from './md5-counters.ts'

const netstat = (missing: number, unexpected: number, wrong: number) =>
  [
    'TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted',
    `TcpExt: 7 ${missing} ${unexpected} ${wrong} 9`,
    'IpExt: InNoRoutes',
    'IpExt: 3',
    '',
  ].join('\n')

test('read from the kernel’s table', () => {
  expect(parseMd5Counters(netstat(1, 2, 3))).toEqual({ missing: 1, unexpected: 2, wrong: 3 })
  expect(parseMd5Counters('')).toEqual({ missing: 0, unexpected: 0, wrong: 0 })
})

test('what the difference says', () => {
  const before = parseMd5Counters(netstat(1, 0, 0))
  expect(md5Words(before, before)).toBe('')
  expect(md5Words(before, parseMd5Counters(netstat(5, 0, 2)))).toBe(
    'meanwhile this node dropped segments: 4 without the TCP MD5 signature that a password here asks for, 2 with a TCP MD5 signature of another password',
  )
})

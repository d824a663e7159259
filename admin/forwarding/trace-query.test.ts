import { expect, test } from 'vitest'
import { parseTraceQuery, type TraceQuery } from './trace-query.ts'

test.each<[TraceQuery, object]>([
  [
    { from: '10.0.0.1', to: '10.96.0.1:80' },
    { from: '10.0.0.1', to: '10.96.0.1', protocol: 'TCP', port: 80, interface: '' },
  ],
  [
    { from: 'FD00::0:1', to: '[fd00:96::0001]:53', protocol: 'udp', interface: 'eth0' },
    { from: 'fd00::1', to: 'fd00:96::1', protocol: 'UDP', port: 53, interface: 'eth0' },
  ],
  [
    { from: '10.0.0.1', to: '10.96.0.1', protocol: 'ICMP' },
    { from: '10.0.0.1', to: '10.96.0.1', protocol: 'ICMP', port: 0, interface: '' },
  ],
  [
    { from: 'fd00::1', to: '[fd00::2]', protocol: 'icmp' },
    { to: 'fd00::2', port: 0 },
  ],
  [
    { from: 'fd00::1', to: 'fd00::2', protocol: 'icmp' },
    { to: 'fd00::2', port: 0 },
  ],
  [
    { from: '10.0.0.1', to: '10.96.0.1:65535', protocol: 'sctp' },
    { protocol: 'SCTP', port: 65_535 },
  ],
])('%j', (query, request) => {
  expect(parseTraceQuery(query)).toMatchObject(request)
})

test.each<[TraceQuery, string]>([
  [{ from: '10.0.0', to: '10.96.0.1:80' }, 'from 10.0.0: it must be an IP address'],
  [{ from: '', to: '10.96.0.1:80' }, 'from (empty): '],
  [{ from: '10.0.0.1', to: '10.96.0.1' }, 'to 10.96.0.1: it must be ADDRESS:PORT'],
  [{ from: '10.0.0.1', to: '10.96.0.1:0' }, 'to 10.96.0.1:0: a port is a number from 1 to 65535'],
  [{ from: '10.0.0.1', to: '10.96.0.1:65536' }, 'a port is a number from 1 to 65535'],
  [{ from: '10.0.0.1', to: '[10.96.0.1]:80' }, 'it must be ADDRESS:PORT'],
  [{ from: 'fd00::1', to: 'fd00::2:80' }, 'it must be ADDRESS:PORT or [IPV6]:PORT'],
  [{ from: 'fd00::1', to: '10.96.0.1:80' }, 'to 10.96.0.1:80: it must be of the same family as from fd00::1'],
  [
    { from: '10.0.0.1', to: '10.96.0.1:80', protocol: 'dccp' },
    'protocol dccp: it must be tcp, udp, sctp, icmp',
  ],
  [{ from: '10.0.0.1', to: '10.96.0.1:80', protocol: 'constructor' }, 'protocol constructor'],
  [{ from: '10.0.0.1', to: '10.96.0.1:80', protocol: 'icmp' }, 'to 10.96.0.1:80: for icmp'],
  [{ from: '10.0.0.1', to: '10.96.0.1:80', interface: 'a/b' }, 'interface a/b: '],
  [{ from: '10.0.0.1', to: '10.96.0.1:80', interface: 'a-name-of-16-chr' }, 'interface a-name-of-16-chr'],
])('%j is refused with the name of the argument', (query, words) => {
  expect(() => parseTraceQuery(query)).toThrow(words)
})

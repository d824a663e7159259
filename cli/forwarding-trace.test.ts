import { describe, expect, test } from 'vitest'
import type { TraceDocument } from '#admin/forwarding/trace.ts'
import { traceQueryOf, traceText } from './forwarding-trace.ts'

const from = '203.0.113.2'

describe('options', () => {
  test.each([
    [
      { from, to: '1.2.3.4:80/tcp' },
      { from, to: '1.2.3.4:80', protocol: 'tcp' },
    ],
    [
      { from, to: '1.2.3.4:80' },
      { from, to: '1.2.3.4:80', protocol: 'tcp' },
    ],
    [
      { from: 'fd00::1', to: '[fd00::2]:53/udp', interface: 'eth0' },
      { from: 'fd00::1', to: '[fd00::2]:53', protocol: 'udp', interface: 'eth0' },
    ],
    [
      { from, to: '1.2.3.4/icmp' },
      { from, to: '1.2.3.4', protocol: 'icmp' },
    ],
  ])('%j', (options, query) => {
    expect(traceQueryOf(options)).toEqual(query)
  })

  test.each([
    [{ from: 'here', to: '1.2.3.4:80/tcp' }, '--from here: it must be an IP address'],
    [{ from, to: '1.2.3.4:80/dccp' }, '--to 1.2.3.4:80/dccp: write ADDRESS:PORT/PROTOCOL'],
    [{ from, to: '1.2.3.4:80/tcp/x' }, '--to 1.2.3.4:80/tcp/x: write ADDRESS:PORT/PROTOCOL'],
    [{ from, to: '1.2.3.4/tcp' }, '--to 1.2.3.4: it must be ADDRESS:PORT'],
    [{ from, to: '1.2.3.4:80/icmp' }, '--to 1.2.3.4:80: for icmp'],
    [{ from, to: '[fd00::1]:80/tcp' }, '--to [fd00::1]:80: it must be of the same family'],
    [{ from, to: '1.2.3.4:80', interface: 'eth 0' }, '--interface eth 0: '],
  ])('%j is refused with the name of the option', (options, words) => {
    expect(() => traceQueryOf(options)).toThrow(words)
  })
})

const document: TraceDocument = {
  from,
  to: '1.2.3.4:80/tcp',
  verdict: 'forward',
  reason: 'it goes to one of 2 endpoints',
  service: 'ns/web',
  frontend: 'LoadBalancer 1.2.3.4:80/tcp',
  endpoints: [
    { endpoint: '10.0.0.9:8080', masquerade: true },
    { endpoint: '10.0.1.9:8080', masquerade: false },
  ],
  steps: [{ chain: 'services', rule: 1, text: 'mark' }] as unknown as TraceDocument['steps'],
  note: '',
}

test('a packet that is forwarded', () => {
  expect(traceText(document)).toBe(
    [
      '203.0.113.2 -> 1.2.3.4:80/tcp: forward',
      'ns/web, LoadBalancer 1.2.3.4:80/tcp: it goes to one of 2 endpoints',
      '',
      'ENDPOINT        SEES AS SOURCE',
      '10.0.0.9:8080   an address of this node (masqueraded)',
      '10.0.1.9:8080   203.0.113.2',
      '',
      'CHAIN      RULE   WHAT IT DOES',
      'services   1      mark',
    ].join('\n'),
  )
})

test('one of which nothing is known', () => {
  const nothing = { service: '', frontend: '', endpoints: [], steps: [] }
  const text = traceText({ ...document, ...nothing, verdict: 'unknown', reason: 'no', note: 'old' })
  expect(text).toBe('203.0.113.2 -> 1.2.3.4:80/tcp: unknown\nno\n\nNote: old')
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'
import { service, slice, testNode } from '../fixtures.ts'
import type { ProgrammedService } from '../follower.ts'
import { planService } from '../plan.ts'
import { endpointText, UdpFrontends, udpPortsOf, type UdpPort } from './stale.ts'

type Text = Parameters<typeof service>[1]
type Slice = ReturnType<typeof slice>

const programmed = (text: Text, slices: readonly Slice[], name = 's'): ProgrammedService => {
  const made = service(name, text)
  return { key: `ns/${name}`, service: made, slices, plan: planService(made, slices, testNode) }
}

const dns = { name: 'dns', protocol: 'UDP' as const, port: 53, nodePort: 30_053 }
const target = { name: 'dns', protocol: 'UDP' as const, port: 5353 }
const base: Text = {
  clusterIPs: ['172.30.0.10', 'fd00:172:30::10'],
  ports: [dns, { name: 'tcp', port: 53, nodePort: 30_053 }],
  externalIPs: ['198.51.100.1'],
  ingress: [{ ip: '203.0.113.1' }, { ip: '203.0.113.9', ipMode: 'Proxy' }],
}

const local = new Set(testNode.localAddresses)

/** A connection to `original` that `reply` answers, each `address port`. */
function entry(original: string, reply: string): ConntrackEntry {
  const [destination, destinationPort] = original.split(' ')
  const [source, sourcePort] = reply.split(' ')
  const client = destination.includes(':') ? 'fd00:10::9' : '10.9.9.9'
  return {
    family: destination.includes(':') ? 6 : 4,
    protocol: 17,
    original: {
      source: client,
      destination,
      sourcePort: 4000,
      destinationPort: Number(destinationPort),
      zone: 0,
    },
    reply: { source, destination: client, sourcePort: Number(sourcePort), destinationPort: 4000, zone: 0 },
    zone: 0,
    id: 1,
    status: 0,
  }
}

describe('the UDP ports of a Service', () => {
  test('are its UDP ports by family, with every serving endpoint and no other', () => {
    const slices = [
      slice(
        's',
        [
          { address: '10.180.0.1', state: 'ready', node: 'node-1' },
          { address: '10.180.0.2', state: 'serving', node: 'other' },
          { address: '10.180.0.3', state: 'unready' },
          { address: '10.180.0.4', state: 'gone' },
        ],
        [target, { name: 'tcp', port: 53 }],
      ),
      slice('s', ['fd00:10::1'], [target], { name: 's-6' }),
    ]
    expect(udpPortsOf(programmed({ ...base, internal: 'Local', external: 'Local' }, slices))).toEqual([
      {
        family: 4,
        addresses: ['172.30.0.10', '203.0.113.1', '198.51.100.1'],
        port: 53,
        nodePort: 30_053,
        serving: new Set(['10.180.0.1 5353', '10.180.0.2 5353']),
      },
      {
        family: 6,
        addresses: ['fd00:172:30::10'],
        port: 53,
        nodePort: 30_053,
        serving: new Set(['fd00:10::1 5353']),
      },
    ])
  })

  test.each([
    ['without UDP', { ports: [{ port: 53 }] }],
    ['headless', { ...base, clusterIPs: ['None'] }],
    ['of another proxy', { ...base, labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }],
    ['by name', { ...base, type: 'ExternalName' as const }],
  ])('none %s', (_, text) => {
    expect(udpPortsOf(programmed(text, [slice('s', ['10.180.0.1'], [target])]))).toEqual([])
  })
})

const port = (serving: string[], more: Partial<UdpPort> = {}): UdpPort => ({
  family: 4,
  addresses: ['172.30.0.10', '203.0.113.1'],
  port: 53,
  nodePort: 30_053,
  serving: new Set(serving.map((address) => endpointText(address, 5353))),
  ...more,
})

const frontends = (...ports: UdpPort[]): UdpFrontends => {
  const made = new UdpFrontends()
  for (const [index, one] of ports.entries()) made.set(`ns/${index}`, [one])
  return made
}

describe('a connection', () => {
  const one = frontends(port(['10.180.0.1', '10.180.0.2']))
  test.each([
    ['to a serving endpoint', '172.30.0.10 53', '10.180.0.2 5353', false],
    ['to one that serves no more', '172.30.0.10 53', '10.180.0.3 5353', true],
    ['to one on its port of before', '172.30.0.10 53', '10.180.0.2 53', true],
    ['that was never translated', '172.30.0.10 53', '172.30.0.10 53', true],
    ['by a load balancer address', '203.0.113.1 53', '10.180.0.3 5353', true],
    ['by a NodePort', '192.168.0.2 30053', '10.180.0.3 5353', true],
    ['by a NodePort of another address of the node', '192.168.1.2 30053', '192.168.1.2 30053', true],
    ['by a NodePort to a serving endpoint', '192.168.0.2 30053', '10.180.0.1 5353', false],
    ['to the same port of another machine', '192.168.0.3 30053', '192.168.0.3 30053', false],
    ['to the NodePort at an address of the Service', '172.30.0.10 30053', '172.30.0.10 30053', false],
    ['to another port of the Service', '172.30.0.10 54', '172.30.0.10 54', false],
    ['to somebody else', '172.30.0.11 53', '10.180.0.3 5353', false],
    ['of the other family', 'fd00::10 53', 'fd00::10 53', false],
  ])('%s', (_, original, reply, stale) => {
    expect(one.isStale(entry(original, reply), local)).toBe(stale)
  })

  test('stays while nobody serves', () => {
    const none = frontends(port([]))
    expect(none.isStale(entry('172.30.0.10 53', '10.180.0.3 5353'), local)).toBe(false)
    expect(none.isStale(entry('192.168.0.2 30053', '10.180.0.3 5353'), local)).toBe(false)
  })

  test('stays when its Service has gone', () => {
    const made = frontends(port(['10.180.0.1']))
    made.set('ns/0', [])
    expect(made.isStale(entry('172.30.0.10 53', '10.180.0.3 5353'), local)).toBe(false)
  })

  test('may lead to either of two Services that claim a frontend', () => {
    const two = frontends(port(['10.180.0.1']), port(['10.180.0.2']), port([]))
    const stale = (endpoint: string) => two.isStale(entry('172.30.0.10 53', endpoint), local)
    expect([stale('10.180.0.1 5353'), stale('10.180.0.2 5353'), stale('10.180.0.3 5353')]).toEqual([
      false,
      false,
      true,
    ])
  })

  test('to an address that is both a frontend and of this node is the frontend, as in the rules', () => {
    const two = frontends(
      port(['10.180.0.1'], { addresses: ['192.168.0.2'], port: 30_053, nodePort: 0 }),
      port(['10.180.0.2']),
    )
    expect(two.isStale(entry('192.168.0.2 30053', '10.180.0.1 5353'), local)).toBe(false)
    expect(two.isStale(entry('192.168.0.2 30053', '10.180.0.2 5353'), local)).toBe(true)
    expect(two.isStale(entry('192.168.1.2 30053', '10.180.0.2 5353'), local)).toBe(false)
  })
})

describe('a change asks for a clean-up', () => {
  const asked = (before: UdpPort[], after: UdpPort[]) => {
    const made = new UdpFrontends()
    made.set('ns/s', before)
    return [...made.set('ns/s', after)]
  }
  const two = port(['10.180.0.1', '10.180.0.2'])
  test.each<[string, UdpPort[], UdpPort[], number[]]>([
    ['the Service comes with an endpoint', [], [two], [4]],
    ['it comes without', [], [port([])], []],
    ['its first endpoint comes', [port([])], [port(['10.180.0.1'])], [4]],
    ['another comes', [port(['10.180.0.1'])], [two], []],
    ['one of two goes', [two], [port(['10.180.0.2'])], [4]],
    ['one is replaced', [port(['10.180.0.1'])], [port(['10.180.0.2'])], [4]],
    ['the last goes', [port(['10.180.0.1'])], [port([])], []],
    ['the Service goes', [two], [], []],
    ['a frontend comes', [two], [{ ...two, addresses: [...two.addresses, '198.51.100.1'] }], [4]],
    ['a frontend goes', [two], [{ ...two, addresses: two.addresses.slice(1) }], []],
    ['it gets a NodePort', [{ ...two, nodePort: 0 }], [two], [4]],
    ['it gets another family', [two], [two, port(['fd00::1'], { family: 6, addresses: ['fd00::10'] })], [6]],
    ['nothing changes', [two], [{ ...two, serving: new Set(two.serving) }], []],
  ])('%s', (_, before, after, families) => {
    expect(asked(before, after)).toEqual(families)
  })

  test('two Services claim a frontend, and the one that remains has not the endpoints of the other', () => {
    const made = frontends(port(['10.180.0.1']), port(['10.180.0.1', '10.180.0.2']))
    expect([...made.set('ns/0', [])]).toEqual([])
    made.set('ns/0', [port(['10.180.0.3'])])
    expect([...made.set('ns/0', [])]).toEqual([4])
  })
})

test('what is stale is asked for, whatever the order of changes; and nothing remains of what went', () => {
  const address = fc.constantFrom('172.30.0.10', '172.30.0.11', '203.0.113.1')
  const endpoint = fc.constantFrom('10.180.0.1', '10.180.0.2', '10.180.0.3')
  const anyPort = fc
    .record({
      addresses: fc.uniqueArray(address, { minLength: 1 }),
      nodePort: fc.constantFrom(0, 30_053),
      serving: fc.uniqueArray(endpoint),
    })
    .map(({ addresses, nodePort, serving }) => port(serving, { addresses, nodePort }))
  const change = fc.tuple(fc.constantFrom('ns/a', 'ns/b'), fc.option(anyPort, { nil: undefined }))
  const all = ['172.30.0.10 53', '172.30.0.11 53', '203.0.113.1 53', '192.168.0.2 30053'].flatMap(
    (original) =>
      [original, '10.180.0.1 5353', '10.180.0.2 5353', '10.180.0.3 5353'].map((reply) =>
        entry(original, reply),
      ),
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const made = new UdpFrontends()
      const stale = () => all.filter((one) => made.isStale(one, local))
      for (const [key, one] of changes) {
        // A clean-up has just been: what is stale afterwards has become so by this change.
        const before = stale()
        const asked = made.set(key, one === undefined ? [] : [one])
        const fresh = stale().filter((found) => !before.includes(found))
        if (fresh.length > 0) expect([...asked]).toEqual([4])
      }
      made.set('ns/a', [])
      made.set('ns/b', [])
      expect([stale(), made.hasNodePorts(4)]).toEqual([[], false])
    }),
    { numRuns: 100 },
  )
})

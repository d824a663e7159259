import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WireAddress, WireInterface } from '../wire/protocol.ts'
import type { Candidate } from './elect.ts'
import { silenceReasons } from './errors.ts'
import { Holders } from './holders.ts'

const vip = '10.0.0.1' // MetalLB's order of node-a, node-b, node-c is b, a, c

const candidate = (node: string, change: Partial<Candidate> = {}): Candidate => ({
  node,
  preference: 0,
  eligible: true,
  reason: '',
  stale: false,
  ...change,
})
const all = ['node-a', 'node-b', 'node-c'].map((node) => candidate(node))

const address = (change: Partial<WireAddress> = {}): WireAddress => ({
  address: vip,
  interfaces: [],
  candidates: all,
  served: true,
  ...change,
})

const eth = (index: number, change: Partial<WireInterface> = {}): WireInterface => ({
  name: `eth${index}`,
  index,
  mac: `02:00:00:00:00:0${index}`,
  up: true,
  prefixes: [],
  usable: true,
  reason: '',
  ...change,
})

function holders(node = 'node-b', interfaces = [eth(1), eth(2)]): Holders {
  const made = new Holders(node)
  made.setInterfaces(interfaces)
  return made
}

const silent: [string, string, Partial<WireAddress>, string, string][] = [
  ['another node wins', 'node-a', {}, 'node-b', 'notOwner'],
  ['nobody may', 'node-b', { candidates: [candidate('node-b', { eligible: false })] }, '', 'noCandidate'],
  ['nobody at all', 'node-b', { candidates: [] }, '', 'noCandidate'],
  ['forwarding is not ready', 'node-b', { served: false }, 'node-b', 'notServed'],
  ['its interfaces are not there', 'node-b', { interfaces: ['eth9'] }, 'node-b', 'noInterface'],
  [
    'IPv6 without a link-local address',
    'node-b',
    { address: '1000::2', candidates: [all[1]] },
    'node-b',
    'noInterface',
  ],
  ['not an address', 'node-b', { address: '10.0.0.999', candidates: [all[1]] }, 'node-b', 'invalidAddress'],
]

describe('one address', () => {
  test('held: where and since when', () => {
    const made = holders()
    made.put([address()])
    expect(made.settle(5)).toEqual([
      {
        holder: {
          address: vip,
          holder: 'node-b',
          held: true,
          since: 5,
          interfaces: ['eth1', 'eth2'],
          reason: '',
        },
        answerOn: [1, 2],
      },
    ])
    expect(made.settle(6)).toEqual([])
  })

  test.each(silent)('silent: %s', (_name, node, change, holder, reason) => {
    const made = holders(node)
    made.put([address({ candidates: all, ...change })])
    expect(made.settle(0)).toMatchObject([{ holder: { holder, held: false, reason }, answerOn: [] }])
  })

  test('a better node that comes back takes it: all nodes must elect alike, whatever they remember', () => {
    const made = holders('node-a')
    made.put([address({ candidates: [all[0], all[2]] })])
    expect(made.settle(0)).toMatchObject([{ holder: { holder: 'node-a', held: true } }])
    made.put([address()])
    expect(made.settle(1)).toMatchObject([{ holder: { holder: 'node-b', held: false, reason: 'notOwner' } }])
  })

  test('since moves with holder and held, not with the interfaces', () => {
    const made = holders()
    made.put([address()])
    made.settle(5)
    made.setInterfaces([eth(1), eth(2), eth(3)])
    expect(made.settle(6)).toMatchObject([{ holder: { since: 5 }, answerOn: [1, 2, 3] }])
    made.put([address({ served: false })])
    expect(made.settle(7)).toMatchObject([{ holder: { since: 7, held: false }, answerOn: [] }])
  })

  test('the table has every reason', () => {
    const found = new Set(silent.map(([, , , , reason]) => reason))
    expect([...found, 'stopping'].sort()).toEqual(Object.keys(silenceReasons).sort())
  })

  test('stopping hands it over', () => {
    const made = holders()
    made.put([address()])
    made.settle(0)
    made.stop()
    expect(made.settle(1)).toMatchObject([{ holder: { held: false, reason: 'stopping' }, answerOn: [] }])
  })
})

describe('only what a change touches', () => {
  test('an address whose answer stays the same is not told again', () => {
    const made = holders()
    const many = Array.from({ length: 100 }, (_, index) =>
      address({ address: `10.0.1.${index}`, candidates: [all[1]] }),
    )
    made.put(many)
    expect(made.settle(0)).toHaveLength(100)
    made.put([{ ...many[7], served: false }, many[8]])
    expect(made.settle(1).map(({ holder }) => holder.address)).toEqual(['10.0.1.7'])
  })

  test('an interface matters to the addresses that may use it', () => {
    const made = holders()
    made.put([
      address({ address: '10.0.1.1', interfaces: ['eth1'], candidates: [all[1]] }),
      address({ address: '10.0.1.2', interfaces: ['eth2'], candidates: [all[1]] }),
      address({ address: '10.0.1.3', candidates: [all[1]] }),
    ])
    made.settle(0)
    made.setInterfaces([eth(1), eth(2, { usable: false, reason: 'down' })])
    expect(made.settle(1).map(({ holder, answerOn }) => [holder.address, holder.reason, answerOn])).toEqual([
      ['10.0.1.2', 'noInterface', []],
      ['10.0.1.3', '', [1]],
    ])
  })

  test('a removed address is forgotten, also when it was marked', () => {
    const made = holders()
    made.put([address()])
    made.remove(vip)
    expect(made.settle(0)).toEqual([])
  })
})

test('whatever the order of changes, the end is what a fresh start computes', () => {
  const change = fc.record({
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
    interfaces: fc.subarray(['eth1', 'eth2']),
    served: fc.boolean(),
    settle: fc.boolean(),
    up: fc.subarray([1, 2]),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const made = holders()
      const told = new Map<string, unknown>()
      const wanted = new Map<string, WireAddress>()
      let interfaces = [eth(1), eth(2)]
      const settle = (): void => {
        for (const { holder, answerOn } of made.settle(0)) told.set(holder.address, { ...holder, answerOn })
      }
      for (const one of changes) {
        interfaces = [1, 2].map((index) => eth(index, { usable: one.up.includes(index) }))
        const next = address(one)
        wanted.set(one.address, next)
        made.put([next])
        made.setInterfaces(interfaces)
        if (one.settle) settle()
      }
      settle()
      const fresh = holders('node-b', interfaces)
      fresh.put([...wanted.values()])
      for (const { holder, answerOn } of fresh.settle(0)) {
        expect(told.get(holder.address)).toEqual({ ...holder, answerOn })
      }
    }),
  )
})

import { describe, expect, test } from 'vitest'
import type { WireInterface, WireSpeaker } from '../wire/protocol.ts'
import { macNumber } from './ethernet.ts'
import { Peers, type Presence } from './peers.ts'
import { macOf, prefixesOf, self, speaker } from './testing.ts'

const macB = macNumber(macOf('node-b'))

function peers(...others: WireSpeaker[]): Peers {
  const made = new Peers('node-a')
  made.speakers(self(), others)
  return made
}

describe('who is there', () => {
  test.each<[string, 'alive' | 'dead' | 'left' | 'unknown' | undefined, Partial<WireSpeaker>, Presence]>([
    ['BFD is Up', 'alive', {}, 'up'],
    ['BFD is Up, whatever others say', 'alive', { apiReachable: false, reportedDead: true }, 'up'],
    ['BFD is Up, and it has said that it leaves', 'alive', { ready: false }, 'left'],
    ['BFD went down', 'dead', {}, 'down'],
    ['AdminDown', 'left', {}, 'left'],
    ['no BFD, by its status', 'unknown', {}, 'up'],
    ['nothing said about it', undefined, {}, 'up'],
    ['no BFD, its Lease has run out', 'unknown', { apiReachable: false }, 'down'],
    ['no BFD, those who watch it say that it is gone', 'unknown', { reportedDead: true }, 'down'],
    ['no BFD, it leaves', 'unknown', { ready: false }, 'left'],
  ])('%s', (_name, state, change, presence) => {
    const made = peers(speaker('node-b', change))
    if (state !== undefined) made.neighbor('node-b', state)
    expect(made.presence('node-b')).toBe(presence)
  })

  test('nobody has heard of it: the API names it, so it counts', () => {
    expect(peers().presence('node-z')).toBe('up')
    expect(peers().knows('node-z')).toBe(false)
  })

  test('what changed is told, and a node that is gone is forgotten', () => {
    const made = peers(speaker('node-b'), speaker('node-c'))
    made.neighbor('node-c', 'dead')
    const changes = made.speakers(self(), [speaker('node-b', { ready: false })])
    expect(changes).toMatchObject({ nodes: ['node-b', 'node-c'], gone: ['node-c'] })
    expect(made.knows('node-c')).toBe(false)
  })
})

describe('who is missing and may be back any time', () => {
  test.each<[string, (made: Peers) => void, boolean]>([
    ['never seen by BFD', () => {}, true],
    ['alive', (made) => made.neighbor('node-b', 'alive'), false],
    ['dead', (made) => made.neighbor('node-b', 'dead'), true],
    [
      'left',
      (made) => (
        made.neighbor('node-b', 'left'),
        made.speakers(self(), [speaker('node-b', { ready: false })])
      ),
      false,
    ],
    ['left and ready again', (made) => made.neighbor('node-b', 'left'), true],
    [
      'alive, and silent when asked',
      (made) => (made.neighbor('node-b', 'alive'), made.suspect('node-b')),
      true,
    ],
    [
      'heard again after that',
      (made) => (
        made.neighbor('node-b', 'alive'),
        made.suspect('node-b'),
        made.heard('node-b', { mac: macB, interfaceIndex: 2 })
      ),
      false,
    ],
  ])('%s', (_name, happen, missing) => {
    const made = peers(speaker('node-b'))
    happen(made)
    expect(made.isMissing('node-b')).toBe(missing)
    expect(made.missing).toEqual(missing ? ['node-b'] : [])
    expect(made.missing).toBe(made.missing)
  })
})

describe('whose frame it is', () => {
  test('of a node, or of nobody', () => {
    const made = peers(speaker('node-b'))
    expect(made.nodeOf(macB)).toEqual({ node: 'node-b' })
    expect(made.nodeOf(1)).toBeUndefined()
  })

  test('two nodes with one MAC: said once, and unclear', () => {
    const made = new Peers('node-a')
    const twin = speaker('node-c', { interfaces: speaker('node-b').interfaces })
    expect(made.speakers(self(), [speaker('node-b'), twin]).shared).toEqual([{ mac: macB, node: 'node-c' }])
    expect(made.nodeOf(macB)).toBe('unclear')
    expect(made.speakers(self(), [speaker('node-b'), twin]).shared).toEqual([])
  })

  test('a node with our own MAC', () => {
    const made = new Peers('node-a')
    made.own(new Set([macB]))
    expect(made.speakers(self(), [speaker('node-b')]).shared).toHaveLength(1)
    expect(made.nodeOf(macB)).toBe('unclear')
  })

  test('one node with one MAC on two interfaces is nothing', () => {
    const [one] = speaker('node-b').interfaces
    const made = new Peers('node-a')
    expect(made.speakers(self(), [speaker('node-b', { interfaces: [one, one] })]).shared).toEqual([])
  })

  test('the MAC of an interface that is down is still its own, until somebody else has it', () => {
    const made = peers(speaker('node-b'))
    made.speakers(self(), [speaker('node-b', { interfaces: [] }), speaker('node-c')])
    expect(made.nodeOf(macB)).toEqual({ node: 'node-b' })
    made.speakers(self(), [
      speaker('node-b', { interfaces: [] }),
      speaker('node-c', { interfaces: speaker('node-b').interfaces }),
    ])
    expect(made.nodeOf(macB)).toEqual({ node: 'node-c' })
  })

  test('MACs of before are remembered within bounds', () => {
    const made = new Peers('node-a')
    const mac = (index: number): string => `02:00:00:00:01:${index.toString(16).padStart(2, '0')}`
    for (let index = 0; index < 100; index++) {
      made.speakers(self(), [speaker('node-b', { interfaces: [{ mac: mac(index), prefixes: [] }] })])
    }
    expect(made.nodeOf(macNumber(mac(99)))).toEqual({ node: 'node-b' })
    expect(made.nodeOf(macNumber(mac(0)))).toBeUndefined()
  })

  test('an unknown MAC that speaks as a node does: the one without a MAC, or one that is not known', () => {
    const made = peers(speaker('node-b', { interfaces: [] }), speaker('node-c'))
    expect(made.adopt(77)).toBe('node-b')
    expect(made.nodeOf(77)).toEqual({ node: 'node-b' })
    expect(made.adopt(78)).toBe('unknown node 00:00:00:00:00:4e')
    expect(made.speakers(self(), [speaker('node-c')]).newMacs).toBe(false)
    expect(made.nodeOf(78)).toBeUndefined()
  })

  test('new MACs are noticed', () => {
    const made = new Peers('node-a')
    expect(made.speakers(self(), [speaker('node-b')]).newMacs).toBe(true)
    expect(made.speakers(self(), [speaker('node-b')]).newMacs).toBe(false)
  })
})

describe('how to reach it', () => {
  const eth = (index: number, prefixes: string[]): WireInterface => ({
    name: `eth${index}`,
    index,
    mac: '02:00:00:00:00:0a',
    up: true,
    usable: true,
    reason: '',
    prefixes,
  })
  const near = eth(2, prefixesOf('node-a'))
  const far = eth(3, ['198.51.100.10/24', 'fe80::a/64'])

  test('by a subnet that both have; link-local prefixes are everywhere', () => {
    const made = peers(speaker('node-b'))
    expect(made.path('node-b', [far, near])).toEqual({ mac: macB, interfaceIndex: 2 })
    expect(made.path('node-b', [far])).toBeUndefined()
    expect(made.path('node-z', [near])).toBeUndefined()
  })

  test('as it was heard last', () => {
    const made = peers(speaker('node-b'))
    made.heard('node-b', { mac: macB, interfaceIndex: 3 })
    expect(made.path('node-b', [near, far])).toEqual({ mac: macB, interfaceIndex: 3 })
    expect(made.path('node-b', [near])).toEqual({ mac: macB, interfaceIndex: 2 })
  })
})

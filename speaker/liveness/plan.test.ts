import { describe, expect, test } from 'vitest'
import { defaultSettings } from '../bfd/config.ts'
import { node, usable, world } from '../test-world.ts'
import type { SpeakerInfo } from '../world.ts'
import { ALL_PAIRS, planSpeakers, reportedDead } from './plan.ts'

const own = { stale: false, liveness: defaultSettings }
const ready: SpeakerInfo = { ready: true }

test('the other speakers by name, with the addresses that they are known by', () => {
  const interfaces = usable('eth0')
  const at = world({
    self: 'b',
    nodes: [
      node('a', { internalIPs: ['192.0.2.1'] }),
      node('b', { internalIPs: ['192.0.2.2', 'fd00::2'] }),
      'x',
    ],
    speakers: {
      c: { ready: false, apiReachable: false },
      b: ready,
      a: { ready: true, interfaces, otherMacs: ['02:00:00:00:00:99'] },
    },
  })
  expect(planSpeakers(at, { ...own, stale: true })).toEqual({
    kind: 'speakers',
    self: { stale: true, liveness: defaultSettings, internalIPs: ['192.0.2.2', 'fd00::2'] },
    others: [
      {
        node: 'a',
        internalIPs: ['192.0.2.1'],
        interfaces: [...interfaces.values(), { mac: '02:00:00:00:00:99', prefixes: [] }],
        ready: true,
        apiReachable: true,
        reportedDead: false,
      },
      { node: 'c', internalIPs: [], interfaces: [], ready: false, apiReachable: false, reportedDead: false },
    ],
  })
})

describe('reports of others', () => {
  const sees = (state: 'alive' | 'dead', more: Partial<SpeakerInfo> = {}): SpeakerInfo => ({
    ready: true,
    neighbors: new Map([['x', state]]),
    ...more,
  })
  const dead = (...reporters: SpeakerInfo[]) =>
    reportedDead(new Map(reporters.map((one, index) => [`r${index}`, one])), 'self').has('x')

  test('most of those who watch it, and two at least', () => {
    expect(dead(sees('dead'))).toBe(false)
    expect(dead(sees('dead'), sees('dead'))).toBe(true)
    expect(dead(sees('dead'), sees('dead'), sees('alive'), sees('alive'))).toBe(false)
    expect(dead(sees('dead'), sees('dead'), sees('dead'), sees('alive'), sees('alive'))).toBe(true)
  })

  test('what a speaker says that leaves, or has lost the API, counts no more', () => {
    expect(dead(sees('dead'), sees('dead', { ready: false }))).toBe(false)
    expect(dead(sees('dead'), sees('dead', { apiReachable: false }))).toBe(false)
    expect(dead(sees('dead'), sees('dead'), sees('alive', { ready: false }), sees('alive'))).toBe(true)
  })

  test('only clusters too large for all to watch all need them', () => {
    const of = (size: number) => {
      const speakers: Record<string, SpeakerInfo> = { self: ready, x: ready }
      for (let index = 0; index < size - 2; index++) speakers[`r${index}`] = sees('dead')
      const at = world({ self: 'self', nodes: ['self'], speakers })
      return planSpeakers(at, own).others.find(({ node }) => node === 'x')?.reportedDead
    }
    expect(of(ALL_PAIRS)).toBe(false)
    expect(of(ALL_PAIRS + 1)).toBe(true)
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import type { WireAddress } from '../wire/protocol.ts'
import { arpOperation, buildArp, buildGratuitousRequest, parseArp } from './arp.ts'
import { broadcastMac, macNumber } from './ethernet.ts'
import { buildUnsolicited, parseNeighborDiscovery } from './ndp.ts'
import { framesPerSecond } from './rate.ts'
import { Lan } from './testing-lan.ts'
import { candidate, macOf, self, speaker, wireAddress } from './testing.ts'

// MetalLB's order of node-a, node-b, node-c is b, a, c for 10.0.0.1 and b, c, a for 10.0.0.2 (D1, D2).
const vip = '10.0.0.1'
const vipNumber = 0x0a000001
const vip6 = '2001:db8::50'
const names = ['node-a', 'node-b', 'node-c'] as const
const foreignMac = '02:00:00:00:00:f1'
const foreigner = macNumber(foreignMac)

const among = (address: string, nodes: readonly string[] = names, change: Partial<WireAddress> = {}) =>
  wireAddress(address, { candidates: nodes.map((node) => candidate(node)), ...change })

const except = (name: string): string[] => names.filter((one) => one !== name)

/** Three nodes at rest. */
function cluster(...addresses: readonly WireAddress[]): Lan {
  const lan = new Lan()
  for (const name of names) lan.add(name, except(name))
  lan.put(names, ...addresses)
  lan.run(10_000)
  return lan
}

/** A machine outside the cluster that has the address. */
const squatter = (frame: Uint8Array): Uint8Array | undefined => {
  const packet = parseArp(frame)
  if ('drop' in packet || packet.operation !== arpOperation.request) return undefined
  if (packet.targetAddress !== vipNumber || packet.senderAddress === vipNumber) return undefined
  return buildArp({
    destination: packet.senderMac,
    source: foreigner,
    operation: arpOperation.reply,
    senderMac: foreigner,
    senderAddress: vipNumber,
    targetMac: packet.senderMac,
    targetAddress: packet.senderAddress,
  })
}

describe('one holder', () => {
  test.each([
    [vip, 'node-b'],
    ['10.0.0.2', 'node-b'],
    ['1000::1', 'node-a'],
  ])('%s: the first by hash, and all know it', (address, winner) => {
    const lan = cluster(among(address))
    expect(lan.holding(address)).toEqual([winner])
    expect(names.map((name) => lan.holder(name, address)?.holder)).toEqual([winner, winner, winner])
    expect(lan.holder(except(winner)[0], address)).toMatchObject({ held: false, reason: 'notOwner' })
  })

  test('a holder that fails: the next takes over after two probes', () => {
    const lan = cluster(among(vip))
    lan.kill('node-b')
    lan.seen('node-b', 'dead')
    const at = lan.now
    lan.run(100)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-a', vip).slice(-4)).toEqual([
      'neighborDead',
      'claiming',
      'took: failure',
      'announced',
    ])
    expect(lan.claims('node-a', vipNumber)[0].at - at).toBeLessThan(100)
  })

  test('one that comes back takes nothing, although the hash puts it first', () => {
    const lan = cluster(among(vip))
    lan.kill('node-b')
    lan.seen('node-b', 'dead')
    lan.run(2000)
    lan.add('node-b', except('node-b'))
    lan.put(['node-b'], among(vip))
    lan.seen('node-b', 'alive')
    lan.run(10_000)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.holder('node-b', vip)).toMatchObject({ holder: 'node-a', reason: 'notOwner' })
  })

  test('nor one that was started before it has heard of anybody: the wire tells', () => {
    const lan = cluster(among(vip, ['node-a', 'node-b']))
    lan.kill('node-b')
    lan.seen('node-b', 'dead')
    lan.run(2000)
    lan.add('node-b', ['node-a'])
    lan.put(['node-b'], among(vip, ['node-a', 'node-b']))
    lan.run(10_000)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-b', vip)).toContain('fenced')
  })

  describe('nor one that begins while the holder stands still', () => {
    /** node-a holds the address; node-b, which the hash puts first, has begun and BFD has not heard of node-a. */
    function begun(): Lan {
      const lan = cluster(among(vip))
      lan.kill('node-b')
      lan.seen('node-b', 'dead')
      lan.run(2000)
      expect(lan.holding(vip)).toEqual(['node-a'])
      lan.freeze('node-a')
      lan.add('node-b', except('node-b'))
      lan.act('node-b', (layer2, now) => layer2.neighbor('node-a', 'unknown', now))
      lan.put(['node-b'], among(vip))
      return lan
    }

    test('it waits until BFD is Up', () => {
      const lan = begun()
      lan.run(450)
      expect(lan.story('node-b', vip)).not.toContain('claiming')
      lan.thaw('node-a')
      lan.run(50)
      lan.act('node-b', (layer2, now) => layer2.neighbor('node-a', 'alive', now))
      lan.run(3000)
      expect(lan.holding(vip)).toEqual(['node-a'])
      expect(lan.holder('node-b', vip)).toMatchObject({ holder: 'node-a', reason: 'notOwner' })
    })

    test('or when BFD could have said that the holder is dead', () => {
      const lan = begun()
      lan.run(830)
      expect(lan.story('node-b', vip)).not.toContain('claiming')
      lan.run(120)
      expect(lan.story('node-b', vip)).toContain('took: first')
    })
  })

  test('D13: a preferred node takes it back, the holder answers until then', () => {
    const preferred = wireAddress(vip, {
      candidates: [candidate('node-a'), candidate('node-b'), candidate('node-c', { preference: 100 })],
    })
    const lan = cluster(among(vip))
    lan.put(names, preferred)
    lan.run(300)
    expect(lan.holding(vip)).toEqual(['node-c'])
    expect(lan.story('node-b', vip).slice(-3)).toEqual(['handingOver', 'handedOver', 'silent'])
    expect(lan.story('node-c', vip)).toContain('took: handOver')
  })

  test('the holder lives and BFD is wrong: who answers is not taken from', () => {
    const lan = cluster(among(vip))
    lan.act('node-a', (layer2, now) => layer2.neighbor('node-b', 'dead', now))
    lan.run(5000)
    expect(lan.holding(vip)).toEqual(['node-b'])
    expect(lan.story('node-a', vip)).toContain('fenced')
  })

  test('the holder lives and is silent: found out by asking it', () => {
    const lan = cluster(among(vip))
    // It has lost its memory, and BFD has not noticed.
    lan.kill('node-b')
    lan.add('node-b', except('node-b'))
    lan.run(60_000)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-a', vip)).toContain('took: verification')
  })

  test('the elected node never shows up: the next one does not wait for ever', () => {
    const lan = new Lan()
    for (const name of ['node-a', 'node-b'])
      lan.add(
        name,
        ['node-a', 'node-b'].filter((one) => one !== name),
      )
    lan.put(['node-a'], among(vip, ['node-a', 'node-b']))
    lan.run(1500)
    expect(lan.holding(vip)).toEqual(['node-a'])
  })

  test('on another network it may hold the address unheard: nobody takes it here', () => {
    const lan = new Lan()
    lan.add('node-a', ['node-b'], {
      interfaces: [{ mac: '02:00:00:00:00:0b', prefixes: ['198.51.100.11/24'] }],
    })
    lan.put(['node-a'], among(vip, ['node-a', 'node-b']))
    lan.run(60_000)
    expect(lan.holding(vip)).toEqual([])
  })
})

describe('silence and hand-over', () => {
  test('without endpoints silent in the same call; the next one is told and takes it at once', () => {
    const lan = cluster(among(vip))
    lan.put(['node-b'], among(vip, names, { served: false }))
    expect(lan.holding(vip)).toEqual([])
    lan.run(2)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-a', vip)).toContain('took: handOver')
  })

  test('nobody can serve it: it does not go round', () => {
    const lan = cluster(among(vip))
    const before = lan.frames.length
    lan.put(names, among(vip, names, { served: false }))
    lan.run(5000)
    expect(lan.holding(vip)).toEqual([])
    expect(lan.frames.length - before).toBeLessThan(20)
  })

  test('planned stop: answered for until the successor has announced it, within milliseconds', () => {
    const lan = cluster(among(vip), among(vip6))
    const held = [vip, vip6].filter((address) => lan.holding(address)[0] === 'node-b')
    expect(held.length).toBeGreaterThan(0)
    lan.act('node-b', (layer2, now) => layer2.stop(now))
    for (const address of held) expect(lan.holding(address)).toEqual(['node-b'])
    lan.run(5)
    for (const address of held) expect(lan.holding(address)).toHaveLength(1)
    expect(lan.holding(vip)).not.toContain('node-b')
    lan.act('node-b', (layer2) => expect(layer2.stopped).toBe(true))
  })

  test('planned stop and nobody comes: a second, then silence', () => {
    const lan = cluster(among(vip))
    for (const name of ['node-a', 'node-c']) lan.cut('node-b', name)
    lan.act('node-b', (layer2, now) => layer2.stop(now))
    lan.run(900)
    expect(lan.holding(vip)).toEqual(['node-b'])
    lan.run(200)
    lan.act('node-b', (layer2) => expect(layer2.stopped).toBe(true))
    expect(lan.holding(vip)).toEqual([])
  })

  test('no longer eligible by configuration: handed over', () => {
    const lan = cluster(among(vip))
    const drained = wireAddress(vip, {
      candidates: [candidate('node-a'), candidate('node-b', { eligible: false }), candidate('node-c')],
    })
    lan.put(['node-b'], drained)
    expect(lan.holding(vip)).toEqual(['node-b'])
    lan.run(5)
    expect(lan.holding(vip)).toEqual(['node-a'])
  })

  test('an address is asked for while its forwarding is programmed, and held the moment it is', () => {
    const lan = new Lan()
    lan.add('node-a', [])
    lan.put(['node-a'], wireAddress(vip, { served: false }))
    lan.run(150)
    expect(lan.holder('node-a', vip)).toMatchObject({ held: false, reason: 'notServed' })
    lan.put(['node-a'], wireAddress(vip))
    expect(lan.holding(vip)).toEqual(['node-a'])
  })
})

describe('stale nodes', () => {
  const staleB = wireAddress(vip, {
    candidates: [candidate('node-a'), candidate('node-b', { stale: true }), candidate('node-c')],
  })

  test('those that are up to date take over; the stale one insists and gives way in the end', () => {
    const lan = cluster(among(vip))
    lan.act('node-b', (layer2, now) =>
      layer2.speakers(
        self({ stale: true }),
        except('node-b').map((one) => speaker(one)),
        now,
      ),
    )
    lan.put(['node-a', 'node-c'], staleB)
    lan.run(300)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-a', vip)).toContain('took: stale')
    lan.run(30_000)
    expect(lan.holding(vip)).toEqual(['node-a'])
  })

  test('an API that nobody reaches moves nothing', () => {
    const lan = cluster(among(vip))
    for (const name of names) {
      lan.act(name, (layer2, now) =>
        layer2.speakers(
          self({ stale: true }),
          except(name).map((one) => speaker(one)),
          now,
        ),
      )
    }
    lan.run(60_000)
    expect(lan.holding(vip)).toEqual(['node-b'])
    lan.kill('node-b')
    lan.seen('node-b', 'dead')
    lan.run(100)
    expect(lan.holding(vip)).toEqual(['node-a'])
  })
})

describe('a node that stood still', () => {
  test('does not answer beside its successor', () => {
    const lan = cluster(among(vip))
    lan.freeze('node-b')
    lan.seen('node-b', 'dead')
    lan.run(2000)
    expect(lan.holding(vip)).toContain('node-a')
    const before = lan.claims('node-b', vipNumber).length
    lan.send(
      'client',
      buildArp({
        destination: broadcastMac,
        source: foreigner,
        operation: arpOperation.request,
        senderMac: foreigner,
        senderAddress: 1,
        targetMac: 0,
        targetAddress: vipNumber,
      }),
    )
    lan.run(10)
    lan.thaw('node-b')
    expect(lan.holding(vip)).toEqual(['node-a'])
    lan.run(1000)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.claims('node-b', vipNumber)).toHaveLength(before)
    expect(lan.story('node-b', vip)).toContain('thawed')
  })

  test('goes on when nobody took its addresses', () => {
    const lan = cluster(among(vip))
    lan.freeze('node-b')
    lan.run(700)
    lan.thaw('node-b')
    expect(lan.holding(vip)).toEqual([])
    lan.run(150)
    expect(lan.holding(vip)).toEqual(['node-b'])
    expect(lan.story('node-b', vip)).toContain('took: restart')
  })

  test.each([-60, -20, 0, 40])(
    'goes before one that starts %i ms after, although the hash puts that one first',
    (after) => {
      const lan = cluster(among(vip))
      lan.kill('node-b')
      lan.seen('node-b', 'dead')
      lan.run(500)
      expect(lan.holding(vip)).toEqual(['node-a'])
      const before = lan.claims('node-b', vipNumber).length
      const start = (): void => {
        lan.add('node-b', ['node-a', 'node-c'])
        lan.put(['node-b'], among(vip))
      }
      lan.freeze('node-a')
      lan.run(700 + Math.min(0, after))
      if (after < 0) start()
      lan.run(Math.max(0, -after))
      lan.thaw('node-a')
      lan.run(Math.max(0, after))
      if (after >= 0) start()
      lan.run(3000)
      expect(lan.holding(vip)).toEqual(['node-a'])
      expect(lan.claims('node-b', vipNumber)).toHaveLength(before)
    },
  )

  describe('hears that the others have ended their sessions', () => {
    const rejoined = (): Lan => {
      const lan = cluster(among(vip))
      lan.freeze('node-a')
      lan.run(1200)
      lan.thaw('node-a')
      lan.act('node-a', (layer2, now) => layer2.neighbor('node-b', 'dead', now))
      return lan
    }

    test('who holds an address holds it still, though it is not quick to answer', () => {
      const lan = rejoined()
      lan.freeze('node-b')
      lan.run(150)
      lan.thaw('node-b')
      lan.act('node-a', (layer2, now) => layer2.neighbor('node-b', 'alive', now))
      lan.run(2000)
      expect(lan.holding(vip)).toEqual(['node-b'])
      expect(lan.story('node-a', vip)).not.toContain('claiming')
    })

    test('one that is not back within a second has failed', () => {
      const lan = rejoined()
      lan.kill('node-b')
      lan.run(900)
      expect(lan.holding(vip)).toEqual([])
      lan.run(300)
      expect(lan.holding(vip)).toEqual(['node-a'])
    })
  })

  test('in a planned stop nobody waits for it any more: a short delay is nothing', () => {
    const lan = cluster(among(vip))
    lan.act('node-b', (layer2, now) => layer2.spoke('node-a', 300, now))
    for (const name of ['node-a', 'node-c']) lan.kill(name)
    lan.act('node-b', (layer2, now) => layer2.stop(now))
    lan.run(600)
    lan.freeze('node-b')
    lan.run(150)
    lan.thaw('node-b')
    expect(lan.holding(vip)).toEqual(['node-b'])
    expect(lan.story('node-b', vip)).not.toContain('thawed')
  })

  test('a short delay is nothing', () => {
    const lan = cluster(among(vip))
    lan.freeze('node-b')
    lan.run(200)
    lan.thaw('node-b')
    expect(lan.story('node-b', vip)).not.toContain('thawed')
  })
})

describe('machines outside the cluster', () => {
  test('one uses the address: silent with the reason and its MAC, and tried again', () => {
    const lan = new Lan()
    let there = true
    lan.host('old server', (frame) => (there ? squatter(frame) : undefined))
    lan.add('node-a', [])
    lan.put(['node-a'], wireAddress(vip))
    lan.run(5000)
    expect(lan.holder('node-a', vip)).toMatchObject({ held: false, reason: 'addressInUse', foreignMac })
    expect(lan.story('node-a', vip)).toEqual(['claiming', 'inUse'])
    there = false
    lan.run(10_200)
    expect(lan.holding(vip)).toEqual(['node-a'])
  })

  test('forced: taken, and the conflict told', () => {
    const lan = new Lan()
    lan.host('old server', squatter)
    lan.add('node-a', [])
    lan.put(['node-a'], wireAddress(vip, { force: true }))
    lan.run(500)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-a', vip)).toContain('conflict')
  })

  test('an address of the cluster is taken over all the same', () => {
    const lan = cluster(among(vip))
    lan.kill('node-b')
    lan.host('old server', squatter)
    lan.seen('node-b', 'dead')
    lan.run(500)
    expect(lan.holding(vip)).toEqual(['node-a'])
    expect(lan.story('node-a', vip)).toContain('conflict')
  })

  test('its MAC turns out to be of a node that was not known yet', () => {
    // node-a goes first by hash
    const address = '10.0.0.3'
    const lan = new Lan()
    lan.add('node-b', ['node-a'])
    lan.put(['node-b'], among(address, ['node-b']))
    lan.run(1000)
    lan.add('node-a', [])
    lan.put(['node-a'], among(address, ['node-a', 'node-b']))
    lan.run(200)
    expect(lan.holder('node-a', address)).toMatchObject({ reason: 'addressInUse' })
    lan.act('node-a', (layer2, now) => {
      layer2.speakers(self(), [speaker('node-b')], now)
      layer2.neighbor('node-b', 'alive', now)
    })
    lan.run(200)
    expect(lan.holder('node-a', address)).toMatchObject({ holder: 'node-b', reason: 'notOwner' })
    expect(lan.holding(address)).toEqual(['node-b'])
  })

  test('IPv6: a foreign Neighbor Advertisement is a conflict and answered with an own one', () => {
    const lan = cluster(among(vip6, ['node-a']))
    const before = lan.frames.length
    const source = addressToBytes(parseAddress('fe80::f1'))
    lan.send('client', buildUnsolicited(addressToBytes(parseAddress(vip6)), foreigner, source))
    lan.run(500)
    expect(lan.story('node-a', vip6)).toContain('conflict')
    const said = lan.frames.slice(before).map(({ frame }) => parseNeighborDiscovery(frame))
    expect(said.filter((one) => 'kind' in one && one.kind === 'advertisement')).toHaveLength(2)
  })
})

describe('two holders', () => {
  /** node-a and node-b hold the address each, having been apart. */
  function apart(first: WireAddress, second: WireAddress, delay?: () => number): Lan {
    const lan = new Lan(delay)
    for (const name of ['node-a', 'node-b']) lan.add(name, [name === 'node-a' ? 'node-b' : 'node-a'])
    lan.cut('node-a', 'node-b')
    lan.seen('node-a', 'dead')
    lan.seen('node-b', 'dead')
    lan.put(['node-a'], first)
    lan.put(['node-b'], second)
    lan.run(3000)
    expect(lan.holding(first.address)).toEqual(['node-a', 'node-b'])
    return lan
  }

  test('healed: one is silent before BFD is Up again', () => {
    const lan = apart(among(vip, ['node-a', 'node-b']), among(vip, ['node-a', 'node-b']))
    lan.cut('node-a', 'node-b', false)
    lan.run(300)
    expect(lan.holding(vip)).toEqual(['node-b'])
    expect(lan.story('node-a', vip)).toEqual(expect.arrayContaining(['backOnWire', 'yielded', 'silent']))
    lan.seen('node-a', 'alive')
    lan.seen('node-b', 'alive')
    lan.run(10_000)
    expect(lan.holding(vip)).toEqual(['node-b'])
  })

  test('a node that hears nothing takes nothing from the one that clients reach', () => {
    const lan = apart(among(vip, ['node-a', 'node-b']), among(vip, ['node-a', 'node-b']))
    lan.cut('node-a', 'node-b', false)
    lan.cutOneWay('node-a', 'node-b')
    lan.run(30_000)
    // node-b goes first, and cannot be asked; node-a keeps what it has.
    expect(lan.holding(vip)).toContain('node-a')
    expect(lan.story('node-a', vip)).not.toContain('yielded')
  })

  const view = fc.record({
    preferenceA: fc.constantFrom(0, 0, 100),
    preferenceB: fc.constantFrom(0, 0, 100),
    staleA: fc.boolean(),
    staleB: fc.boolean(),
  })
  const seenAs = (
    address: string,
    one: { preferenceA: number; preferenceB: number; staleA: boolean; staleB: boolean },
  ) =>
    wireAddress(address, {
      candidates: [
        candidate('node-a', { preference: one.preferenceA, stale: one.staleA }),
        candidate('node-b', { preference: one.preferenceB, stale: one.staleB }),
      ],
    })

  test('whatever each believes, exactly one is left within 300 ms of hearing the other', () => {
    const address = fc.constantFrom(vip, '10.0.0.2', '192.0.2.77', '2001:db8::50', '2001:db8::51')
    const stale = fc.constantFrom<'none' | 'node-a' | 'node-b' | 'both'>('none', 'node-a', 'node-b', 'both')
    const delay = fc.double({ min: 0.05, max: 3, noNaN: true })
    fc.assert(
      fc.property(address, view, view, stale, delay, (text, ofA, ofB, who, ms) => {
        let step = 0
        const lan = apart(seenAs(text, ofA), seenAs(text, ofB), () => ms * (1 + (step++ % 7) / 10))
        for (const name of ['node-a', 'node-b']) {
          const other = name === 'node-a' ? 'node-b' : 'node-a'
          const alone = who === 'both' || who === name
          lan.act(name, (layer2, now) => layer2.speakers(self({ stale: alone }), [speaker(other)], now))
        }
        lan.cut('node-a', 'node-b', false)
        const from = lan.frames.length
        while (lan.frames.length === from) lan.run(1)
        lan.run(300)
        expect(lan.holding(text)).toHaveLength(1)
        lan.seen('node-a', 'alive')
        lan.seen('node-b', 'alive')
        lan.run(5000)
        expect(lan.holding(text)).toHaveLength(1)
      }),
      { numRuns: 60 },
    )
  })
})

test('two nodes with one MAC are told about, and nobody is fenced by what cannot be told apart', () => {
  const lan = new Lan()
  const mac = '02:00:00:00:00:0b'
  lan.add('node-a', [])
  lan.act('node-a', (layer2, now) => {
    const interfaces = [{ mac, prefixes: ['192.0.2.11/24'] }]
    layer2.speakers(self(), [speaker('node-b', { interfaces }), speaker('node-c', { interfaces })], now)
  })
  expect(lan.story('node-a', vip)).toEqual(['sharedMac'])
  lan.put(['node-a'], among(vip, ['node-a']))
  lan.run(20)
  lan.send('client', buildGratuitousRequest(vipNumber, macNumber(mac)))
  lan.run(200)
  expect(lan.holding(vip)).toEqual(['node-a'])
})

describe('many addresses at once', () => {
  const addresses = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `10.1.${index >> 8}.${index & 255}`)

  const mostInASecond = (times: readonly number[]): number => {
    let most = 0
    for (let start = 0, end = 0; end < times.length; end++) {
      while (times[end] - times[start] >= 1000) start++
      most = Math.max(most, end - start + 1)
    }
    return most
  }

  test('a thousand after a failure: each announced once within 2.5 s, at no more than 500 frames a second', () => {
    const many = addresses(1000)
    const lan = new Lan()
    lan.add('node-a', ['node-b'])
    lan.put(['node-a'], ...many.map((address) => among(address, ['node-a', 'node-b'])))
    // node-b holds them all and says so.
    for (const address of many) {
      const number = Buffer.from(addressToBytes(parseAddress(address))).readUInt32BE()
      lan.send('node-b', buildGratuitousRequest(number, macNumber(macOf('node-b'))))
    }
    lan.run(300)
    expect(many.every((address) => lan.holder('node-a', address)?.holder === 'node-b')).toBe(true)
    const at = lan.now
    lan.frames.length = 0
    lan.seen('node-b', 'dead')
    lan.run(120)
    expect(many.every((address) => lan.holding(address)[0] === 'node-a')).toBe(true)
    lan.run(2380)
    const announced = new Set<number>()
    for (const { frame } of lan.frames) {
      const packet = parseArp(frame)
      if (!('drop' in packet) && packet.senderAddress !== 0) announced.add(packet.senderAddress)
    }
    expect(announced.size).toBe(1000)
    expect(lan.now - at).toBe(2500)
    lan.run(3000)
    expect(mostInASecond(lan.frames.map((one) => one.at))).toBeLessThanOrEqual(framesPerSecond)
  })

  test('a planned stop waits until the last of them has found its new holder', () => {
    const many = addresses(600)
    const wanted = many.map((address) => among(address, ['node-a', 'node-b']))
    const lan = new Lan()
    lan.add('node-b', ['node-a'])
    lan.put(['node-b'], ...wanted)
    lan.run(3500)
    lan.add('node-a', ['node-b'])
    lan.put(['node-a'], ...wanted)
    lan.run(3500)
    expect(many.every((address) => lan.holding(address)[0] === 'node-b')).toBe(true)
    lan.act('node-b', (layer2, now) => layer2.stop(now))
    lan.seen('node-b', 'left')
    for (let waited = 0; waited < 2000; waited += 100) {
      lan.run(100)
      expect(many.every((address) => lan.holding(address).length > 0)).toBe(true)
    }
    expect(many.every((address) => lan.holding(address)[0] === 'node-a')).toBe(true)
  })
})

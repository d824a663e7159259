import { describe, expect, test } from 'vitest'
import type { WireAddress } from '../wire/protocol.ts'
import { arpOperation, buildArp, parseArp } from './arp.ts'
import { macNumber } from './ethernet.ts'
import type { Doubt, Suspect } from './suspicion.ts'
import { Lan } from './testing-lan.ts'
import { candidate, macOf, prefixesOf, speaker, self, wireAddress } from './testing.ts'

// MetalLB's order of node-a, node-b, node-c is b, a, c for this address.
const vip = '10.0.0.1'
const names = ['node-a', 'node-b', 'node-c'] as const
const holder = 'node-b'
const successor = 'node-a'

const addressOf = (node: string): string => prefixesOf(node)[0].split('/')[0]
const numberOf = (address: string): number =>
  address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0)
const path = (from: string, to: string) => ({
  node: to,
  interface: 'eth0',
  local: addressOf(from),
  remote: addressOf(to),
})

/** As `node` would be told of it by its BFD sessions. */
const suspect = (
  from: string,
  node: string,
  doubt: Doubt,
  witnesses = names as readonly string[],
): Suspect => ({
  doubt,
  host: path(from, node),
  witnesses: witnesses.filter((one) => one !== from && one !== node).map((one) => path(from, one)),
})

interface Options {
  readonly change?: Partial<WireAddress>
  /** machines whose kernels answer */
  readonly kernels?: readonly string[]
}

/** Three nodes at rest, with the kernels of some as stations of their own. */
function cluster({ change = {}, kernels = names }: Options = {}): { lan: Lan; dead: Set<string> } {
  const lan = new Lan()
  const dead = new Set<string>()
  for (const name of names)
    lan.add(
      name,
      names.filter((one) => one !== name),
    )
  for (const name of kernels) {
    lan.host(`kernel of ${name}`, (frame) => {
      const packet = parseArp(frame)
      if ('drop' in packet || dead.has(name) || packet.targetAddress !== numberOf(addressOf(name)))
        return undefined
      if (packet.destination !== macNumber(macOf(name)) || packet.operation !== arpOperation.request)
        return undefined
      return buildArp({
        destination: packet.senderMac,
        source: packet.destination,
        operation: arpOperation.reply,
        senderMac: packet.destination,
        senderAddress: packet.targetAddress,
        targetMac: packet.senderMac,
        targetAddress: packet.senderAddress,
      })
    })
  }
  lan.put(names, wireAddress(vip, { candidates: names.map((name) => candidate(name)), ...change }))
  lan.run(10_000)
  expect(lan.holding(vip)).toEqual([holder])
  return { lan, dead }
}

const doubt = (lan: Lan, by: string, what: Suspect | undefined, about = holder): void =>
  lan.act(by, (layer2, now) => layer2.suspect(about, what, now))

/** Frames sent by a node since a time. */
const sentBy = (lan: Lan, from: string, since: number): number =>
  lan.frames.filter((one) => one.from === from && one.at >= since).length

describe('refused: the process has ended', () => {
  test('the successor asks for the address and takes it, and says why', () => {
    const { lan } = cluster()
    lan.kill(holder)
    doubt(lan, successor, suspect(successor, holder, 'refused'))
    lan.run(69)
    expect(lan.holding(vip)).toEqual([])
    lan.run(5)
    expect(lan.holding(vip)).toEqual([successor])
    expect(lan.story(successor, vip).slice(-3)).toEqual(['neighborSilent', 'took: failure', 'announced'])
    expect(lan.holder('node-c', vip)?.holder).toBe(successor)
  })

  test('a firewall says so of one that lives: its answer ends it, and nobody hears of it', () => {
    const { lan } = cluster()
    const before = lan.story(successor, vip)
    doubt(lan, successor, suspect(successor, holder, 'refused'))
    lan.run(2000)
    expect(lan.holding(vip)).toEqual([holder])
    expect(lan.story(successor, vip)).toEqual(before)
  })

  test('who is no successor does nothing, and believes what it hears', () => {
    const { lan } = cluster()
    const since = lan.now
    lan.kill(holder)
    doubt(lan, 'node-c', suspect('node-c', holder, 'refused'))
    lan.run(500)
    expect(sentBy(lan, 'node-c', since)).toBe(0)
    expect(lan.holder('node-c', vip)?.holder).toBe(holder)
  })

  test.each<[string, Partial<WireAddress>]>([
    ['it serves the address not', { served: false }],
    [
      'it may not hold it',
      { candidates: names.map((node) => candidate(node, { eligible: node !== successor })) },
    ],
  ])('nor does the next when %s', (_why, change) => {
    const { lan } = cluster()
    lan.put([successor], wireAddress(vip, { candidates: names.map((name) => candidate(name)), ...change }))
    lan.run(100)
    const since = lan.now
    lan.kill(holder)
    doubt(lan, successor, suspect(successor, holder, 'refused'))
    lan.run(500)
    expect(sentBy(lan, successor, since)).toBe(0)
    expect(lan.holding(vip)).toEqual([])
  })

  test('the successor has failed as well: BFD decides', () => {
    const { lan } = cluster()
    for (const name of [holder, successor]) {
      lan.kill(name)
      doubt(lan, 'node-c', suspect('node-c', name, 'refused'), name)
    }
    lan.run(800)
    expect(lan.holding(vip)).toEqual([])
    lan.seen(holder, 'dead')
    lan.seen(successor, 'dead')
    lan.run(150)
    expect(lan.holding(vip)).toEqual(['node-c'])
  })

  test('one whose hardware address another node has cannot be heard to live, and is left to BFD', () => {
    const { lan } = cluster()
    lan.act(successor, (layer2, now) => {
      const twin = speaker('node-c', { interfaces: [{ mac: macOf(holder), prefixes: prefixesOf('node-c') }] })
      layer2.speakers(self(), [speaker(holder), twin], now)
    })
    const since = lan.now
    doubt(lan, successor, suspect(successor, holder, 'refused'))
    lan.run(500)
    expect(sentBy(lan, successor, since)).toBe(0)
    expect(lan.holding(vip)).toEqual([holder])
  })
})

describe('overdue: it is silent', () => {
  test('its machine too, while another is heard: taken', () => {
    const { lan, dead } = cluster()
    lan.kill(holder)
    dead.add(holder)
    doubt(lan, successor, suspect(successor, holder, 'overdue'))
    lan.run(89)
    expect(lan.holding(vip)).toEqual([])
    lan.run(5)
    expect(lan.holding(vip)).toEqual([successor])
  })

  test('its machine answers: the speaker stands still or is busy, and BFD decides', () => {
    const { lan } = cluster()
    lan.freeze(holder)
    doubt(lan, successor, suspect(successor, holder, 'overdue'))
    lan.run(800)
    expect(lan.holding(vip)).toEqual([holder])
    expect(lan.story(successor, vip)).not.toContain('neighborSilent')
    lan.seen(holder, 'dead')
    lan.run(150)
    expect(lan.holding(vip)).toContain(successor)
  })

  test('nobody at all is heard: this node may be the one that is cut off', () => {
    const { lan, dead } = cluster()
    for (const name of names) dead.add(name)
    lan.kill(holder)
    lan.kill('node-c')
    doubt(lan, successor, suspect(successor, holder, 'overdue'))
    lan.run(800)
    expect(lan.holding(vip)).toEqual([])
    lan.seen(holder, 'dead')
    lan.run(150)
    expect(lan.holding(vip)).toEqual([successor])
  })

  test.each<[string, Partial<Suspect>]>([
    ['no address of it on a link is known', { host: undefined }],
    [
      'it is watched on an interface that is not here',
      { host: { ...path(successor, holder), interface: 'eth9' } },
    ],
  ])('%s: BFD decides', (_why, change) => {
    const { lan } = cluster()
    const since = lan.now
    lan.kill(holder)
    doubt(lan, successor, { ...suspect(successor, holder, 'overdue'), ...change })
    lan.run(500)
    expect(sentBy(lan, successor, since)).toBe(0)
  })

  test('it is heard by BFD again before the verdict', () => {
    const { lan, dead } = cluster()
    dead.add(holder)
    lan.freeze(holder)
    doubt(lan, successor, suspect(successor, holder, 'overdue'))
    lan.run(80)
    doubt(lan, successor, undefined)
    lan.run(500)
    expect(lan.holding(vip)).toEqual([holder])
  })

  test('this node stood still meanwhile: what it did not hear says nothing', () => {
    const { lan, dead } = cluster()
    dead.add(holder)
    lan.kill(holder)
    doubt(lan, successor, suspect(successor, holder, 'overdue'))
    lan.run(10)
    lan.freeze(successor)
    lan.run(700)
    lan.thaw(successor)
    lan.run(500)
    expect(lan.holding(vip)).toEqual([])
  })
})

test('a cut of half a second: taken, and one of two is left soon after', () => {
  const { lan, dead } = cluster()
  dead.add(holder)
  for (const name of names) if (name !== holder) lan.cut(holder, name)
  doubt(lan, successor, suspect(successor, holder, 'overdue'))
  lan.run(500)
  expect(lan.holding(vip)).toEqual([successor, holder])
  for (const name of names) if (name !== holder) lan.cut(holder, name, false)
  doubt(lan, successor, undefined)
  lan.run(300)
  expect(lan.holding(vip)).toHaveLength(1)
})

test('two hundred addresses of one node: sixteen are asked for, all are taken together', () => {
  const { lan } = cluster()
  const vips = Array.from({ length: 200 }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
  lan.put(names, ...vips.map((one) => wireAddress(one, { candidates: names.map((name) => candidate(name)) })))
  lan.run(12_000)
  const lost = vips.filter((one) => lan.holding(one)[0] === holder)
  const mine = lost.filter((one) => lan.holder(successor, one)?.holder === holder)
  lan.kill(holder)
  // What it has sent before arrives first.
  lan.run(100)
  const since = lan.now
  for (const name of names) if (name !== holder) doubt(lan, name, suspect(name, holder, 'refused'))
  lan.run(69)
  expect(mine.length).toBeGreaterThan(50)
  expect(sentBy(lan, successor, since)).toBeLessThan(2 * 16 + 10)
  lan.run(10)
  for (const one of lost) expect(lan.holding(one)).toHaveLength(1)
})

test.each([
  [256, 'one more', 1],
  [257, 'none', 0],
])(
  'of %i addresses the last is for this node: as many are looked at that %s is asked for',
  (count, _, asked) => {
    const others = { candidates: [holder, 'node-c'].map((name) => candidate(name, { preference: 1 })) }
    const { lan, dead } = cluster({ change: others })
    const vips = Array.from({ length: count - 2 }, (_one, index) => `10.1.${index >> 8}.${index & 255}`)
    lan.put(names, ...vips.map((one) => wireAddress(one, { candidates: [candidate(holder)] })))
    const mine = '10.2.0.1'
    const both = [candidate(holder, { preference: 1 }), candidate(successor)]
    lan.put(names, wireAddress(mine, { candidates: both }))
    lan.run(12_000)
    expect(lan.holder(successor, mine)?.holder).toBe(holder)
    lan.kill(holder)
    dead.add(holder)
    lan.run(100)
    const since = lan.now
    doubt(lan, successor, suspect(successor, holder, 'refused'))
    lan.run(60)
    expect(sentBy(lan, successor, since)).toBe(2 * asked)
    lan.run(500)
    expect(lan.holding(mine)).toEqual(asked > 0 ? [successor] : [])
    // BFD looks at all of them.
    lan.seen(holder, 'dead')
    lan.run(150)
    expect(lan.holding(mine)).toEqual([successor])
  },
)

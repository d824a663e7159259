import { describe, expect, test } from 'vitest'
import {
  defer,
  foundForeign,
  foundUnable,
  forgetHolder,
  freshBelief,
  heardHolder,
  inputsChanged,
  type Belief,
} from './belief.ts'
import { inHashOrder } from './elect.ts'
import { Peers } from './peers.ts'
import { standing, type Situation, type Standing } from './standing.ts'
import { candidate, self, speaker, wireAddress } from './testing.ts'

// By hash b, a, c (D1); this node is node-a.
const vip = '10.0.0.1'
const now = 1000
const all = ['node-a', 'node-b', 'node-c'].map((node) => candidate(node))
const path = { mac: 1, interfaceIndex: 2 }

interface Given {
  belief?: (belief: Belief) => void
  peers?: (peers: Peers) => void
  candidates?: typeof all
  situation?: Partial<Situation>
}

function judged({ belief: change, peers: tell, candidates = all, situation }: Given = {}): Standing {
  const peers = new Peers('node-a')
  peers.speakers(self(), [speaker('node-b'), speaker('node-c')])
  peers.neighbor('node-b', 'alive')
  peers.neighbor('node-c', 'alive')
  tell?.(peers)
  const belief = freshBelief()
  change?.(belief)
  const wanted = wireAddress(vip, { candidates })
  return standing(
    {
      self: 'node-a',
      wanted,
      ordered: inHashOrder(vip, candidates),
      belief,
      peers,
      valid: true,
      reachable: true,
      stopping: false,
      dazed: false,
      crowded: false,
      newUntil: now,
      ...situation,
    },
    now,
  )
}

const holderIs = (node: string) => (belief: Belief) => heardHolder(belief, node, path)
const dead = (node: string) => (peers: Peers) => peers.neighbor(node, 'dead')
/** Its status says that its speaker does not reach the API. */
const gone = (node: string) => (peers: Peers) =>
  peers.speakers(self(), [speaker('node-b'), speaker(node, { apiReachable: false })])
const left = (node: string) => (peers: Peers) => peers.neighbor(node, 'left')
const change = (node: string, part: object) =>
  all.map((one) => (one.node === node ? { ...one, ...part } : one))

describe('who is to hold it', () => {
  test.each<[string, Given, string | undefined]>([
    ['nobody is known to: the hash', {}, 'node-b'],
    ['who was heard to', { belief: holderIs('node-c') }, 'node-c'],
    ['who was heard to, itself', { belief: holderIs('node-a') }, 'node-a'],
    [
      'preference goes before that',
      { belief: holderIs('node-c'), candidates: change('node-a', { preference: 1 }) },
      'node-a',
    ],
    [
      'staleness before all',
      { belief: holderIs('node-c'), candidates: change('node-c', { stale: true, preference: 9 }) },
      'node-b',
    ],
    ['its holder is dead', { belief: holderIs('node-c'), peers: dead('node-c') }, 'node-b'],
    [
      'its holder is dead and answers all the same',
      {
        belief: (belief) => {
          heardHolder(belief, 'node-c', path)
          belief.provenUntil = now + 1
        },
        peers: dead('node-c'),
      },
      'node-c',
    ],
    ['its holder has left', { belief: holderIs('node-c'), peers: left('node-c') }, 'node-b'],
    [
      'its holder may not any more',
      { belief: holderIs('node-c'), candidates: change('node-c', { eligible: false }) },
      'node-b',
    ],
    ['the first by hash is unable', { belief: (belief) => foundUnable(belief, 'node-b', now) }, 'node-a'],
    ['that was long ago', { belief: (belief) => foundUnable(belief, 'node-b', now - 60_000) }, 'node-b'],
    [
      'this node cannot be reached',
      { belief: holderIs('node-a'), situation: { reachable: false } },
      'node-b',
    ],
    ['this node stops', { belief: holderIs('node-a'), situation: { stopping: true } }, 'node-b'],
    [
      'it gives way to one that sees it otherwise',
      {
        belief: (belief) => {
          heardHolder(belief, 'node-c', path)
          defer(belief, 'node-c', now)
        },
        candidates: change('node-a', { preference: 1 }),
      },
      'node-c',
    ],
    [
      'until its own view changes',
      {
        belief: (belief) => {
          heardHolder(belief, 'node-c', path)
          defer(belief, 'node-c', now)
          inputsChanged(belief)
        },
        candidates: change('node-a', { preference: 1 }),
      },
      'node-a',
    ],
    [
      'or that one is gone',
      {
        belief: (belief) => {
          heardHolder(belief, 'node-c', path)
          defer(belief, 'node-c', now)
        },
        candidates: change('node-a', { preference: 1 }),
        peers: dead('node-c'),
      },
      'node-a',
    ],
    ['nobody may', { candidates: all.map((one) => ({ ...one, eligible: false })) }, undefined],
  ])('%s', (_name, given, elected) => {
    expect(judged(given)).toMatchObject({ elected, mine: elected === 'node-a' })
  })

  test.each<[string, Given, boolean]>([
    ['of one of them BFD has said nothing', {}, true],
    ['that one may not hold it', { candidates: change('node-c', { eligible: false }) }, false],
    ['that one is gone by its status', { peers: gone('node-c') }, false],
    ['BFD has heard of it', { peers: (peers) => peers.neighbor('node-c', 'alive') }, false],
    ['somebody was heard to hold it', { belief: holderIs('node-b') }, false],
    ['its holder has failed', { belief: (belief) => forgetHolder(belief, 'failure', false, now) }, false],
    ['it has known them for long', { situation: { newUntil: now } }, false],
  ])('a node that does not know the others yet: %s', (_name, given, waits) => {
    const unmet = (peers: Peers): void => {
      peers.neighbor('node-c', 'unknown')
      given.peers?.(peers)
    }
    const { wait } = judged({ ...given, peers: unmet, situation: { newUntil: now + 5, ...given.situation } })
    expect(wait).toEqual(waits ? { reason: 'claiming', until: now + 5 } : undefined)
  })

  test('whom this node has found to be gone it does not count on', () => {
    const given = { belief: holderIs('node-a'), peers: (peers: Peers) => peers.presumeDead('node-b') }
    expect(judged(given)).toMatchObject({ mine: true, successor: 'node-c' })
  })

  test('nor does it give back to a preferred one what it took from it, as long as that is not heard', () => {
    const candidates = [
      candidate('node-a'),
      candidate('node-b', { preference: 1 }),
      candidate('node-c', { eligible: false }),
    ]
    const given = { candidates, belief: holderIs('node-a') }
    const gone = (peers: Peers) => peers.presumeDead('node-b')
    expect(judged({ ...given, peers: gone })).toMatchObject({ mine: true, elected: 'node-a' })
    expect(judged(given)).toMatchObject({ mine: false, elected: 'node-b', successor: 'node-b' })
  })

  test('it asks again later and later after it was refused', () => {
    const belief = freshBelief()
    const waits: number[] = []
    for (let times = 0; times < 10; times++) {
      defer(belief, 'node-c', now)
      waits.push(belief.deferUntil - now)
    }
    expect(waits.slice(0, 4)).toEqual([300, 600, 1200, 2400])
    expect(waits[9]).toBe(30_000)
  })
})

describe('who would be next, and who is the holder', () => {
  test.each<[string, Given, Partial<Standing>]>([
    ['nobody is known', {}, { holder: undefined, successor: 'node-b', next: false }],
    ['the first by hash holds', { belief: holderIs('node-b') }, { holder: 'node-b', next: true }],
    ['the last by hash holds', { belief: holderIs('node-c') }, { holder: 'node-c', next: false }],
    ['this node holds', { belief: holderIs('node-a') }, { holder: undefined, successor: 'node-b' }],
    [
      'the holder is dead',
      { belief: holderIs('node-b'), peers: dead('node-b') },
      { holder: undefined, successor: 'node-c' },
    ],
  ])('%s', (_name, given, expected) => {
    expect(judged(given)).toMatchObject(expected)
  })
})

describe('why it is taken, and whether without asking', () => {
  const staleC = change('node-c', { stale: true })
  const given =
    (node: string, at = now) =>
    (belief: Belief) => {
      heardHolder(belief, node, path)
      forgetHolder(belief, 'handOver', true, at)
    }
  test.each<[string, Given, string, boolean]>([
    ['nobody has ever held it', {}, 'first', false],
    ['its holder has failed', { belief: holderIs('node-b'), peers: dead('node-b') }, 'failure', false],
    ['its holder has left', { belief: given('node-b'), peers: left('node-b') }, 'handOver', true],
    ['it was heard since', { belief: holderIs('node-b'), peers: left('node-b') }, 'handOver', false],
    ['its holder has given it up', { belief: given('node-b') }, 'handOver', true],
    ['that was a while ago', { belief: given('node-b', now - 1000) }, 'handOver', false],
    [
      'but what this node hears may be old',
      { belief: given('node-b'), situation: { dazed: true } },
      'handOver',
      false,
    ],
    ['its holder is stale', { belief: holderIs('node-c'), candidates: staleC }, 'stale', true],
    [
      'so is this node',
      {
        belief: holderIs('node-c'),
        candidates: staleC,
        peers: (peers) => void peers.speakers(self({ stale: true }), [speaker('node-c')]),
      },
      'handOver',
      false,
    ],
    [
      'it was refused before',
      {
        belief: (belief) => {
          defer(belief, 'node-c', now - 60_000)
          given('node-c')(belief)
        },
      },
      'handOver',
      false,
    ],
    [
      'a stale holder has refused often enough',
      {
        belief: (belief) => {
          heardHolder(belief, 'node-c', path)
          for (let times = 0; times < 3; times++) defer(belief, 'node-c', now - 60_000)
        },
        candidates: staleC,
      },
      'stale',
      true,
    ],
    ['this node could not hold it for a while', { belief: holderIs('node-a') }, 'healing', false],
    ['many are asked for, and others may hold it', { situation: { crowded: true } }, 'first', false],
    [
      'many are asked for, and nobody else may',
      { situation: { crowded: true }, candidates: all.slice(0, 1) },
      'first',
      true,
    ],
  ])('%s', (_name, situation, cause, atOnce) => {
    expect(judged(situation)).toMatchObject({ cause, atOnce })
  })
})

describe('why not', () => {
  test.each<[string, Given, string]>([
    ['another', {}, 'notOwner'],
    ['nobody', { candidates: [] }, 'noCandidate'],
    ['no interface', { situation: { reachable: false } }, 'noInterface'],
    ['no interface, and no candidate', { situation: { reachable: false }, candidates: [] }, 'noCandidate'],
    ['stopping', { situation: { stopping: true } }, 'stopping'],
    ['not an address', { situation: { valid: false } }, 'invalidAddress'],
    ['on the way', { candidates: all.slice(0, 1) }, 'claiming'],
  ])('%s', (_name, given, reason) => {
    expect(judged(given).reason).toBe(reason)
  })

  test('waiting: a foreign machine has it, or another node asks first', () => {
    const foreign = judged({ belief: (belief) => foundForeign(belief, 7, now) })
    expect(foreign.wait).toEqual({ reason: 'addressInUse', until: now + 1000 })
    const second = judged({ belief: (belief) => (belief.backOffUntil = now + 9) })
    expect(second.wait).toEqual({ reason: 'notOwner', until: now + 9 })
    expect(judged().wait).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GAP_MS, projectSpeakerLease, RUN_OUT_MS, SpeakerLeases } from './speaker-leases.ts'

const SECOND = 1000

/** Speakers that renew every 10 s, each a little after the one before it. */
class Cluster {
  readonly leases = new SpeakerLeases()
  readonly said: string[] = []
  now = 0

  constructor(nodes: readonly string[]) {
    for (const node of nodes) this.#see(node)
  }

  /** These renew for so many seconds, once in each 10 s. */
  renew(seconds: number, ...nodes: string[]): void {
    for (const end = this.now + seconds * SECOND; this.now < end; this.now += 10 * SECOND)
      for (const node of nodes) this.#see(node)
  }

  pass(seconds: number): void {
    this.now += seconds * SECOND
  }

  #see(node: string): void {
    for (const changed of this.leases.seen(node, { node, renewTime: String(this.now) }, this.now))
      this.said.push(`${changed} ${this.leases.reachable(changed) ? 'in' : 'out'}`)
  }
}

describe('whose Lease has run out', () => {
  test('that of the one that does not renew while others do, after 40 s', () => {
    const cluster = new Cluster(['a', 'b', 'c'])
    cluster.pass(10)
    cluster.renew(30, 'a', 'b', 'c')
    expect(cluster.said.splice(0)).toEqual(['a in', 'b in', 'c in'])
    cluster.renew(40, 'a', 'b')
    expect(cluster.said).toEqual([])
    cluster.renew(20, 'a', 'b')
    expect(cluster.said).toEqual(['c out'])
  })

  test('it counts again after it was renewed twice', () => {
    const cluster = new Cluster(['a', 'b'])
    cluster.pass(10)
    cluster.renew(30, 'a', 'b')
    cluster.renew(60, 'a')
    expect(cluster.said.splice(0)).toEqual(['a in', 'b in', 'b out'])
    cluster.renew(10, 'a', 'b')
    expect(cluster.said).toEqual([])
    cluster.renew(10, 'a', 'b')
    expect(cluster.said).toEqual(['b in'])
  })

  test('nobody’s when nobody renews, however long; and afterwards all have their time', () => {
    const cluster = new Cluster(['a', 'b', 'c'])
    cluster.pass(10)
    cluster.renew(30, 'a', 'b', 'c')
    cluster.said.splice(0)
    cluster.pass(3600)
    cluster.renew(20, 'a')
    cluster.renew(60, 'a', 'b', 'c')
    expect(cluster.said).toEqual([])
  })

  test('that of a speaker that this controller has never seen renew it', () => {
    const cluster = new Cluster(['a', 'gone'])
    cluster.pass(10)
    cluster.renew(60, 'a')
    expect(cluster.said).toEqual(['a in', 'gone out'])
  })

  test('not one that was given back: its speaker has left on purpose', () => {
    const cluster = new Cluster(['a', 'b'])
    cluster.pass(10)
    cluster.renew(20, 'a', 'b')
    cluster.said.splice(0)
    cluster.leases.seen('b', undefined, cluster.now)
    cluster.renew(120, 'a')
    expect([cluster.said, cluster.leases.reachable('b')]).toEqual([[], undefined])
  })

  test('a node alone is never found missing: there is nobody who could do better', () => {
    const cluster = new Cluster(['a'])
    cluster.renew(30, 'a')
    cluster.pass(600)
    cluster.renew(30, 'a')
    expect(cluster.said).toEqual(['a in'])
  })
})

test('whoever renews every 10 s is never found missing, whatever the rest of the world does', () => {
  const outages = fc.array(
    fc.record({ up: fc.integer({ min: 0, max: 30 }), away: fc.integer({ min: 0, max: 600 }) }),
    {
      maxLength: 10,
    },
  )
  fc.assert(
    fc.property(outages, fc.integer({ min: 0, max: 9 }), (rounds, offset) => {
      const leases = new SpeakerLeases()
      let now = 0
      const see = (node: string) => leases.seen(node, { node, renewTime: String(now) }, now)
      for (const node of ['good', 'other']) see(node)
      for (const { up, away } of rounds) {
        for (let tens = 0; tens < up; tens++) {
          now += offset * SECOND
          see('other')
          now += (10 - offset) * SECOND
          see('good')
        }
        now += away * SECOND
      }
      expect(leases.reachable('good')).not.toBe(false)
    }),
    { numRuns: 50 },
  )
  expect(GAP_MS).toBeLessThan(RUN_OUT_MS / 2)
})

test('what a Lease says', () => {
  const lease = (spec: object) => projectSpeakerLease({ metadata: { name: 'x' }, spec } as never)
  expect(lease({ holderIdentity: 'a', renewTime: 't' })).toEqual({ node: 'a', renewTime: 't' })
  expect(lease({ renewTime: 't' })).toEqual({ node: '', renewTime: 't' })
})

import { describe, expect, test } from 'vitest'
import { Announcer, refreshInterval, type Announcement } from './announce.ts'
import { frameBudget, framesPerSecond, type TokenBucket } from './rate.ts'

/** Everything that is due, and when to ask again. */
class Rig {
  readonly budget: TokenBucket = frameBudget()
  readonly announcer: Announcer

  constructor(random: () => number = () => 0.5) {
    this.announcer = new Announcer(random, this.budget)
  }

  step(now: number): { due: Announcement[]; deadline: number | undefined } {
    const due = [...this.announcer.step('urgent', now), ...this.announcer.step('repeated', now)]
    const next = this.announcer.next()
    return { due, deadline: next !== undefined && next <= now ? now + this.budget.readyIn(1, now) : next }
  }

  /** Wakes at each deadline, as the edge does. */
  run(from: number, until: number): { at: number; address: string; kind: string; first: boolean }[] {
    const sent: { at: number; address: string; kind: string; first: boolean }[] = []
    for (let now: number | undefined = from; now !== undefined && now <= until;) {
      const { due, deadline } = this.step(now)
      for (const { address, kind, first } of due) sent.push({ at: now, address, kind, first })
      if (deadline !== undefined) expect(deadline).toBeGreaterThan(now)
      now = deadline
    }
    return sent
  }

  /** Times of the rounds. */
  rounds(from: number, until: number): number[] {
    return this.run(from, until)
      .filter(({ kind }) => kind !== 'reply')
      .map(({ at }) => at)
  }
}

const vip = '192.0.2.50'

describe('schedule', () => {
  test('IPv4: at once, soon again, then every minute; each time as request and reply', () => {
    const rig = new Rig()
    rig.announcer.start(vip, 4, 2, 1000)
    const sent = rig.run(1000, 1000 + 4000 + 2 * refreshInterval)
    const times = [0, 100, 500, 1000, 2000, 4000, 64_000, 124_000]
    expect(sent.map(({ at, kind }) => [at - 1000, kind])).toEqual(
      times.flatMap((time) => [
        [time, 'request'],
        [time, 'reply'],
      ]),
    )
    expect(sent.map(({ first }) => first)).toEqual([true, ...sent.slice(1).map(() => false)])
  })

  test('IPv6: three, a second apart (RFC 4861 7.2.6), then every minute', () => {
    const rig = new Rig()
    rig.announcer.start('2001:db8::50', 6, 2, 0)
    const sent = rig.run(0, 70_000)
    expect(sent.map(({ at }) => at)).toEqual([0, 1000, 2000, 62_000])
    expect(new Set(sent.map(({ kind }) => kind))).toEqual(new Set(['advertisement']))
  })

  test.each([
    [0, 0.9],
    [0.999999, 1.1],
  ])('the minute is moved by up to a tenth (random %f)', (random, factor) => {
    const rig = new Rig(() => random)
    rig.announcer.start(vip, 4, 2, 0)
    expect(rig.rounds(0, 80_000)[6]).toBeCloseTo(4000 + refreshInterval * factor, -1)
  })

  test('late wake-ups do not add up', () => {
    const rig = new Rig()
    rig.announcer.start(vip, 4, 2, 0)
    expect(rig.step(7).due).toHaveLength(2)
    expect(rig.step(107).deadline).toBe(500)
  })

  test('starting again changes nothing', () => {
    const rig = new Rig()
    rig.announcer.start(vip, 4, 2, 0)
    rig.step(0)
    rig.announcer.start(vip, 4, 2, 50)
    expect(rig.step(50)).toEqual({ due: [], deadline: 100 })
  })

  test('stopped means silent at once; another interface goes on', () => {
    const rig = new Rig()
    rig.announcer.start(vip, 4, 2, 0)
    rig.announcer.start(vip, 4, 3, 0)
    rig.announcer.stop(vip, 2)
    rig.announcer.stop('192.0.2.99', 2)
    expect(rig.step(0).due).toMatchObject([{ interfaceIndex: 3 }, { interfaceIndex: 3 }])
    rig.announcer.stop(vip, 3)
    expect(rig.step(200)).toEqual({ due: [], deadline: undefined })
  })

  test('a defence comes at once and the schedule goes on after it', () => {
    const rig = new Rig()
    rig.announcer.start(vip, 4, 2, 0)
    rig.run(0, 10_000)
    rig.announcer.hasten(vip, 2, 20_000)
    rig.announcer.hasten('192.0.2.99', 2, 20_000)
    expect(rig.step(20_000)).toMatchObject({ due: [{}, {}], deadline: 20_000 + refreshInterval })
  })

  test.each<[4 | 6, string, number[]]>([
    [4, vip, [0, 1000, 3000]],
    [6, '2001:db8::50', [0, 1000, 2000]],
  ])('said once more, with repetitions (IPv%i)', (family, address, expected) => {
    const rig = new Rig()
    rig.announcer.start(address, family, 2, 0)
    rig.run(0, 10_000)
    rig.announcer.repeat(address, 2, 20_000)
    rig.announcer.repeat('192.0.2.99', 2, 20_000)
    expect(rig.rounds(20_000, 40_000).map((at) => at - 20_000)).toEqual(expected)
  })
})

function many(count: number): Rig {
  const rig = new Rig()
  for (let index = 0; index < count; index++)
    rig.announcer.start(`10.0.${index >> 8}.${index & 255}`, 4, 2, 0)
  return rig
}

describe('rate', () => {
  test('a thousand addresses at once: never more than 500 frames in any second', () => {
    const times = many(1000)
      .run(0, 20_000)
      .map(({ at }) => at)
    for (let index = framesPerSecond; index < times.length; index++) {
      expect(times[index] - times[index - framesPerSecond]).toBeGreaterThanOrEqual(1000)
    }
  })

  test('every address is announced once, within 2.5 s, before any is announced twice', () => {
    const sent = many(1000).run(0, 20_000)
    expect(new Set(sent.slice(0, 1000).map(({ address }) => address)).size).toBe(1000)
    expect(sent[999].at).toBeLessThan(2500)
  })

  test('what is taken later goes before what is only repeated', () => {
    const rig = many(1000)
    rig.run(0, 2200)
    rig.announcer.start(vip, 4, 2, 2200)
    expect(rig.run(2200, 2210)[0]).toMatchObject({ address: vip, first: true })
  })

  test('each gets its whole schedule in the end', () => {
    const sent = many(300).run(0, 20_000)
    const times = new Map<string, number>()
    for (const { address } of sent) times.set(address, (times.get(address) ?? 0) + 1)
    expect([...times.values()].every((count) => count === 12)).toBe(true)
  })

  test('a step costs in proportion to what is due', () => {
    const rig = many(50_000)
    rig.run(0, 1000)
    const started = performance.now()
    for (let index = 0; index < 1000; index++) rig.step(1000 + index / 1000)
    // 50,000,000 visits would take far longer
    expect(performance.now() - started).toBeLessThan(500)
  })
})

import { describe, expect, test } from 'vitest'
import { Announcer, framesPerSecond, refreshInterval } from './announce.ts'

/** Runs the announcer as the edge does, waking at each deadline. */
function run(announcer: Announcer, from: number, until: number): { at: number; address: string }[] {
  const sent: { at: number; address: string }[] = []
  for (let now: number | undefined = from; now !== undefined && now <= until;) {
    const { due, deadline } = announcer.step(now)
    for (const one of due) sent.push({ at: now, address: one.address })
    if (deadline !== undefined) expect(deadline).toBeGreaterThan(now)
    now = deadline
  }
  return sent
}

const middle = (): number => 0.5

describe('schedule', () => {
  test('IPv4: at once, soon again, then every minute', () => {
    const announcer = new Announcer(middle)
    announcer.start('192.0.2.50', 4, 2, 1000)
    const times = run(announcer, 1000, 1000 + 4000 + 2 * refreshInterval).map(({ at }) => at - 1000)
    expect(times).toEqual([0, 100, 500, 1000, 2000, 4000, 64_000, 124_000])
  })

  test('IPv6: three, a second apart (RFC 4861 7.2.6), then every minute', () => {
    const announcer = new Announcer(middle)
    announcer.start('2001:db8::50', 6, 2, 0)
    expect(run(announcer, 0, 70_000).map(({ at }) => at)).toEqual([0, 1000, 2000, 62_000])
  })

  test.each([
    [0, 0.9],
    [0.999999, 1.1],
  ])('the minute is moved by up to a tenth (random %f)', (random, factor) => {
    const announcer = new Announcer(() => random)
    announcer.start('192.0.2.50', 4, 2, 0)
    const times = run(announcer, 0, 80_000).map(({ at }) => at)
    expect(times[6]).toBeCloseTo(4000 + refreshInterval * factor, -1)
  })

  test('late wake-ups do not add up', () => {
    const announcer = new Announcer(middle)
    announcer.start('192.0.2.50', 4, 2, 0)
    expect(announcer.step(7).due).toHaveLength(1)
    expect(announcer.step(107).deadline).toBe(500)
  })

  test('starting again changes nothing', () => {
    const announcer = new Announcer(middle)
    announcer.start('192.0.2.50', 4, 2, 0)
    announcer.step(0)
    announcer.start('192.0.2.50', 4, 2, 50)
    expect(announcer.step(50)).toEqual({ due: [], deadline: 100 })
  })

  test('stopped means silent at once; another interface goes on', () => {
    const announcer = new Announcer(middle)
    announcer.start('192.0.2.50', 4, 2, 0)
    announcer.start('192.0.2.50', 4, 3, 0)
    announcer.stop('192.0.2.50', 2)
    announcer.stop('192.0.2.99', 2)
    expect(announcer.step(0).due).toMatchObject([{ address: '192.0.2.50', interfaceIndex: 3 }])
    announcer.stop('192.0.2.50', 3)
    expect(announcer.step(200)).toEqual({ due: [], deadline: undefined })
  })

  test('a defence comes at once and the schedule goes on after it', () => {
    const announcer = new Announcer(middle)
    announcer.start('192.0.2.50', 4, 2, 0)
    run(announcer, 0, 10_000)
    announcer.hasten('192.0.2.50', 2, 20_000)
    announcer.hasten('192.0.2.99', 2, 20_000)
    expect(announcer.step(20_000)).toMatchObject({ due: [{}], deadline: 20_000 + refreshInterval })
  })
})

function many(count: number): Announcer {
  const announcer = new Announcer(middle)
  for (let index = 0; index < count; index++) announcer.start(`10.0.${index >> 8}.${index & 255}`, 4, 2, 0)
  return announcer
}

describe('rate', () => {
  test('a thousand addresses at once: never more than 500 frames in any second', () => {
    const sent = run(many(1000), 0, 20_000)
    for (const [index, { at }] of sent.entries()) {
      const inSecond = sent.slice(index).findIndex((other) => other.at >= at + 1000)
      const count = inSecond < 0 ? sent.length - index : inSecond
      expect(count * 2).toBeLessThanOrEqual(framesPerSecond)
    }
  })

  test('every address is announced once before any is announced twice', () => {
    const sent = run(many(1000), 0, 20_000)
    expect(new Set(sent.slice(0, 1000).map(({ address }) => address)).size).toBe(1000)
    expect(sent[999].at).toBeLessThan(4500)
  })

  test('each gets its whole schedule in the end', () => {
    const sent = run(many(300), 0, 20_000)
    const times = new Map<string, number>()
    for (const { address } of sent) times.set(address, (times.get(address) ?? 0) + 1)
    expect([...times.values()].every((count) => count === 6)).toBe(true)
  })

  test('a step costs in proportion to what is due', () => {
    const announcer = many(50_000)
    run(announcer, 0, 1000)
    const started = performance.now()
    for (let index = 0; index < 1000; index++) announcer.step(1000 + index / 1000)
    // 50,000,000 visits would take far longer
    expect(performance.now() - started).toBeLessThan(500)
  })
})

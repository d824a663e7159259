import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KubeApi } from './api.ts'
import type { Clock } from './clock.ts'
import { sleep } from './clock.ts'
import { kubeErrorFrom } from './errors.ts'
import { FakeKubeApi } from './fake-api.ts'
import type { Lease } from './lease.ts'
import { LeaseElection } from './lease-election.ts'
import { resources } from './resources.ts'
import { settle, TestClock } from './test-clock.ts'

const key = { namespace: 'fairlead', name: 'controller' }

/** The fake with another `update`. */
const withUpdate = (api: KubeApi, update: KubeApi['update']): KubeApi => ({
  get: (...given) => api.get(...given),
  list: (...given) => api.list(...given),
  watch: (...given) => api.watch(...given),
  create: (...given) => api.create(...given),
  update,
  patch: (...given) => api.patch(...given),
  delete: (...given) => api.delete(...given),
})

function make(identities: readonly string[] = ['one', 'two']) {
  const clock = new TestClock()
  const api = new FakeKubeApi({ clock })
  const changes: string[] = []
  const errors: unknown[] = []
  const elections = identities.map((identity) => elect(identity))
  function elect(identity: string, over: { api?: KubeApi; clock?: Clock } = {}) {
    return new LeaseElection({
      api: over.api ?? api,
      clock: over.clock ?? clock,
      random: () => 0.5,
      ...key,
      identity,
      onChange: (leader) => changes.push(`${identity} ${leader}`),
      onError: (error) => errors.push(error),
    })
  }
  const spec = async () => ((await api.get(resources.leases, key)) as Lease).spec!
  return { clock, api, changes, errors, elect, elections, spec, one: elections[0]!, two: elections[1]! }
}

describe('LeaseElection', () => {
  it('elects one, which renews', async () => {
    const { clock, one, two, changes, spec } = make()
    one.start()
    await settle()
    two.start()
    await clock.advance(60_000)
    expect(changes).toEqual(['one true'])
    expect([one.leader, two.leader, two.holder]).toEqual([true, false, 'one'])
    expect(await spec()).toMatchObject({
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:01:00.000000Z',
    })
  })

  it('hands over at once when stopped, and writes nothing afterwards', async () => {
    const { clock, api, one, two, changes, spec } = make()
    one.start()
    await settle()
    two.start()
    await clock.advance(5000)
    await one.stop()
    expect([one.leader, one.mayWrite(clock.now())]).toEqual([false, false])
    expect(await spec()).not.toHaveProperty('holderIdentity')
    await clock.advance(2400)
    expect(changes).toEqual(['one true', 'one false', 'two true'])
    expect(await spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 })
    await two.stop()
    api.requests.length = 0
    await clock.advance(60_000)
    expect([api.requests, clock.pending]).toEqual([[], 0])
  })

  it('stops writing before another may take over, when it cannot reach the server', async () => {
    const { clock, api, elect, changes } = make([])
    let cut = false
    const broken = withUpdate(api, (...given) =>
      cut ? Promise.reject(kubeErrorFrom(500, 'down')) : api.update(...given),
    )
    const [one, two] = [elect('one', { api: broken }), elect('two')]
    one.start()
    await settle()
    two.start()
    await clock.advance(4000)
    const renewed = clock.now()
    cut = true
    await clock.advance(9999)
    expect([one.leader, one.mayWrite(renewed + 9999), one.mayWrite(renewed + 10_000)]).toEqual([
      true,
      true,
      false,
    ])
    await clock.advance(1)
    expect(changes).toEqual(['one true', 'one false'])
    await clock.advance(4999)
    expect(two.leader).toBe(false)
    await clock.advance(3000)
    expect(two.leader).toBe(true)
    cut = false
    await clock.advance(60_000)
    expect([one.leader, two.leader]).toEqual([false, true])
    await one.stop()
    await two.stop()
  })

  it('notices the end of its leadership also when timers fire a moment early', async () => {
    const { clock, api, changes, elect } = make([])
    const early: Clock = {
      now: () => clock.now(),
      setTimeout: (run, ms) => clock.setTimeout(run, ms > 1 ? ms - 1 : ms),
    }
    const election = elect('early', { clock: early })
    election.start()
    await clock.advance(1000)
    expect(changes).toEqual(['early true'])
    api.outage(true)
    await clock.advance(11_000)
    expect(changes).toEqual(['early true', 'early false'])
    await election.stop()
  })

  it('leads again when nobody took over meanwhile', async () => {
    const { clock, api, one, changes, spec } = make(['one'])
    one.start()
    await clock.advance(3000)
    api.outage(true)
    await clock.advance(60_000)
    expect(one.leader).toBe(false)
    api.outage(false)
    await clock.advance(3000)
    expect(one.leader).toBe(true)
    expect(changes).toEqual(['one true', 'one false', 'one true'])
    expect(await spec()).toMatchObject({ leaseTransitions: 0 })
    await one.stop()
  })

  it('tries again in time when an attempt hangs', async () => {
    const { clock, api, elect, errors, changes } = make([])
    let hang = false
    const slow = withUpdate(api, (...given) => {
      const hanging = hang
      hang = false
      return hanging ? new Promise(() => {}) : api.update(...given)
    })
    const one = elect('one', { api: slow })
    one.start()
    await clock.advance(3000)
    hang = true
    await clock.advance(60_000)
    expect(changes).toEqual(['one true'])
    expect(errors).toMatchObject([{ code: 'FL_KUBE_UNREACHABLE' }])
    await one.stop()
  })

  it('gives way at once when the Lease names another', async () => {
    const { clock, api, one } = make(['one'])
    one.start()
    await clock.advance(1000)
    await api.patch(resources.leases, key, { spec: { holderIdentity: 'thief' } }, { type: 'merge' })
    await clock.advance(1100)
    expect([one.leader, one.holder]).toEqual([false, 'thief'])
    await one.stop()
    expect((await api.get(resources.leases, key)) as Lease).toMatchObject({
      spec: { holderIdentity: 'thief' },
    })
  })

  it('makes the Lease again when somebody deleted it, and does not lead before it has', async () => {
    const { clock, api, one, changes } = make(['one'])
    one.start()
    await clock.advance(1000)
    await api.delete(resources.leases, key)
    await clock.advance(2000)
    expect(changes).toEqual(['one true', 'one false', 'one true'])
    expect(await api.get(resources.leases, key)).toMatchObject({ spec: { holderIdentity: 'one' } })
    await one.stop()
  })

  it('counts from the sending of a renewal, not from its answer', async () => {
    const { clock, api, elect } = make([])
    let delay = 0
    const late = withUpdate(api, async (...given) => {
      const answer = await api.update(...given)
      if (delay) await sleep(clock, delay)
      return answer
    })
    const one = elect('one', { api: late })
    one.start()
    await clock.advance(1999)
    delay = 4000
    await clock.advance(1)
    const sent = clock.now()
    await clock.advance(4000)
    expect([one.mayWrite(sent + 9999), one.mayWrite(sent + 10_000)]).toEqual([true, false])
    delay = 0
    await one.stop()
  })

  it('has never two that may write, whatever fails and however wrong the clocks are', async () => {
    const step = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom('down', 'up', 'stop', 'nothing'),
      ms: fc.integer({ min: 0, max: 20_000 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { clock, api, elect } = make([])
        const down = [false, false, false]
        const guard = (index: number): KubeApi =>
          Object.fromEntries(
            (['get', 'create', 'update'] as const).map((verb) => [
              verb,
              (...given: never[]) =>
                down[index]
                  ? Promise.reject(kubeErrorFrom(500, 'down'))
                  : (api[verb] as (...all: never[]) => Promise<unknown>).apply(api, given),
            ]),
          ) as unknown as KubeApi
        // Wall clocks an hour apart: elections may use only their own.
        const skewed = (index: number): Clock => ({
          now: () => clock.now() + index * 3_600_000,
          setTimeout: (run, ms) => clock.setTimeout(run, ms),
        })
        const all = [0, 1, 2].map((index) => elect(`e${index}`, { api: guard(index), clock: skewed(index) }))
        for (const one of all) one.start()
        const leaders = () => all.filter((one) => one.leader).length
        for (const { who, what, ms } of steps) {
          if (what === 'stop') void all[who]!.stop()
          else if (what !== 'nothing') down[who] = what === 'down'
          for (let left = ms; left > 0; left -= 500) {
            await clock.advance(Math.min(left, 500))
            expect(leaders()).toBeLessThanOrEqual(1)
          }
        }
        const stopping = Promise.all(all.map((one) => one.stop()))
        await clock.advance(20_000)
        await stopping
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 20 },
    )
  })
})

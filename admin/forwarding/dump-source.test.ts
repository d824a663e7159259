import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { service, slice } from '#speaker/forwarding/fixtures.ts'
import type { MutableElements } from '#speaker/forwarding/model.ts'
import { SHOWN_ALIKE, STEP } from './dump.ts'
import { DumpSource, type DumpQuery } from './dump-source.ts'
import { dumpedWorld, readDump } from './test-dump.ts'
import type { TestForwarder } from './test-forwarder.ts'

let world: TestForwarder
let source: DumpSource

beforeEach(async () => {
  world = await dumpedWorld()
  source = new DumpSource(() => world.forwarder.view())
})

afterEach(() => world.forwarder.stop())

const read = (query: Partial<DumpQuery> = {}) => readDump(source, query)

const meddle = (change: (elements: MutableElements) => void) => world.plane.meddle(change)

describe('the listing', () => {
  test('changes nothing, and those who ask together share it', async () => {
    const transactions = world.plane.transactions.length
    let listings = 0
    const list = world.plane.list.bind(world.plane)
    world.plane.list = () => (listings++, list())
    const all = await Promise.all([read(), read({ family: 4 }), read({ service: 'ns/web' })])
    expect(all.map(({ head }) => head.missing)).toEqual([0, 0, 0])
    expect([listings, world.plane.transactions.length]).toEqual([1, transactions])
  })

  test('is taken again when something was programmed meanwhile', async () => {
    let listings = 0
    const list = world.plane.list.bind(world.plane)
    world.plane.list = async () => {
      const found = await list()
      if (listings++ === 0) {
        world.put(service('web', { clusterIPs: ['172.30.0.77'] }), slice('web', ['10.180.1.1']))
        await world.clock.advance(0)
      }
      return found
    }
    expect((await read()).head).toMatchObject({ missing: 0, unplanned: 0, other: 0, note: '' })
    expect(listings).toBe(2)
  })

  test('that always comes too late says so', async () => {
    let turn = 0
    const list = world.plane.list.bind(world.plane)
    world.plane.list = async () => {
      const found = await list()
      world.put(service('web', { clusterIPs: [`172.30.0.${100 + turn++}`] }), slice('web', ['10.180.1.1']))
      await world.clock.advance(0)
      return found
    }
    expect((await read()).head.note).toContain('some differences are none')
    expect(turn).toBe(3)
  })

  test('that fails is an error, and the next one is a new one', async () => {
    const list = world.plane.list.bind(world.plane)
    world.plane.list = () => Promise.reject(new Error('no memory'))
    await expect(read()).rejects.toThrow('no memory')
    world.plane.list = list
    expect((await read()).head.missing).toBe(0)
  })
})

describe('a Service of many endpoints', () => {
  /** Clients keep their endpoint: one element an endpoint that belongs to no frontend. */
  const large = async (endpoints: number) => {
    const addresses = Array.from({ length: endpoints }, (_, at) => `10.181.${at >> 8}.${at & 255}`)
    world.put(
      service('large', { clusterIPs: ['172.30.0.70'], affinity: 60, ports: [{ port: 80, nodePort: 30070 }] }),
      slice('large', addresses),
    )
    await world.clock.advance(1)
  }

  test.each([{ service: 'ns/large' }, {}])(
    '%j: an element costs the same however many there are',
    async (query) => {
      await large(1500)
      const texts = ['startsWith', 'includes', 'indexOf', 'slice'] as const
      const spies = texts.map((method) => vi.spyOn(String.prototype, method))
      try {
        const { head } = await read({ ...query, differences: true })
        const operations = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
        expect(head.same).toBeGreaterThan(4 * 1500)
        expect(operations).toBeLessThan(40 * Number(head.same))
      } finally {
        for (const spy of spies) spy.mockRestore()
      }
    },
  )

  test('others have their turn again and again', async () => {
    await large(1500)
    let turns = 0
    const patient = new DumpSource(
      () => world.forwarder.view(),
      async () => turns++,
    )
    const { head, close } = await patient.dump({ service: 'ns/large', limit: 1 })
    close()
    // Every element is looked at in the plan, and in the kernel.
    expect(turns).toBeGreaterThanOrEqual(Math.floor((2 * Number(head.same) - 1500) / STEP))
  })

  test('of what is alike so many are shown, and the rest is counted; what differs is not among them', async () => {
    await large(SHOWN_ALIKE + 200)
    meddle((elements) => {
      elements[4].endpoints.set(`172.30.0.70 . tcp . 80 . ${SHOWN_ALIKE + 100}`, '10.9.9.9 . 80')
      elements[4].endpoints.delete(`172.30.0.70 . tcp . 80 . ${SHOWN_ALIKE + 101}`)
    })
    const { head, groups } = await read({ service: 'ns/large' })
    expect(head).toMatchObject({ missing: 1, other: 1, unplanned: 0 })
    const slots = groups[0].elements.filter(
      ({ collection, frontend }) => collection === 'endpoints' && frontend === '172.30.0.70:80/tcp',
    )
    expect(slots.filter(({ mark }) => mark !== '=').map(({ key }) => key)).toEqual([
      String(SHOWN_ALIKE + 100),
      String(SHOWN_ALIKE + 101),
    ])
    const same = slots.filter(({ mark }) => mark === '=')
    expect(same).toHaveLength(SHOWN_ALIKE + 1)
    expect(same.at(-1)).toMatchObject({ key: '', more: 198 })
  })
})

describe('one at a time', () => {
  const whenListed = () => {
    const list = world.plane.list.bind(world.plane)
    const { promise, resolve } = Promise.withResolvers<void>()
    let listings = 0
    world.plane.list = async () => {
      listings++
      await promise
      return list()
    }
    return { listings: () => listings, listed: resolve }
  }

  test('a dump that is not read to its end makes others wait until it is closed; few may', async () => {
    const { items, close } = await source.dump({ limit: 100 })
    const waiting = Array.from({ length: 4 }, () => read())
    await expect(read()).rejects.toMatchObject({ code: 'FL_ADMIN_BUSY' })
    expect([...items]).toHaveLength(3)
    close()
    expect((await Promise.all(waiting)).map(({ groups }) => groups.length)).toEqual([3, 3, 3, 3])
  })

  test('whoever asks after a listing was complete gets a new one', async () => {
    const { close } = await source.dump({ limit: 100 })
    meddle((elements) => elements[4].endpoints.delete('1.2.3.4 . tcp . 80 . 1'))
    const later = read()
    close()
    expect((await later).head.missing).toBe(1)
  })

  test('it stops when the client has gone, and the next one goes on', async () => {
    const gone = new AbortController()
    let turns = 0
    const patient = new DumpSource(
      () => world.forwarder.view(),
      async () => turns++,
    )
    world.put(
      service('long', { clusterIPs: ['172.30.0.71'] }),
      slice(
        'long',
        Array.from({ length: 2 * STEP }, (_, at) => `10.182.${at >> 8}.${at & 255}`),
      ),
    )
    await world.clock.advance(1)
    const alone = await patient.dump({ limit: 1 })
    alone.close()
    const each = turns
    expect(each).toBeGreaterThan(2)
    const { listings, listed } = whenListed()
    const first = patient.dump({ limit: 1 }, gone.signal)
    const waits = patient.dump({ limit: 1 }, gone.signal)
    const next = patient.dump({ limit: 1 })
    gone.abort()
    listed()
    await expect(waits).rejects.toThrow('aborted')
    await expect(first).rejects.toThrow('aborted')
    ;(await next).close()
    // One turn of the first, and all of the last.
    expect(turns).toBe(each + 1 + each)
    expect(listings()).toBe(1)
  })
})

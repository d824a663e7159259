import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { service, slice } from '#speaker/forwarding/fixtures.ts'
import type { MutableElements } from '#speaker/forwarding/model.ts'
import type { DumpedElement, DumpedGroup } from './dump.ts'
import { DumpSource, type DumpQuery } from './dump-source.ts'
import { dumpedWorld, readDump } from './test-dump.ts'
import { TestForwarder } from './test-forwarder.ts'

let world: TestForwarder
let source: DumpSource

beforeEach(async () => {
  world = await dumpedWorld()
  source = new DumpSource(() => world.forwarder.view())
})

afterEach(() => world.forwarder.stop())

const read = (query: Partial<DumpQuery> = {}) => readDump(source, query)

/** One line an element, as a person would read it. */
const lines = ({ elements }: DumpedGroup): string[] =>
  elements.map(
    ({ mark, collection, frontend, key, planned, kernel }: DumpedElement) =>
      `${mark} ${frontend} ${collection} ${key} ${planned ?? 'none'} ${kernel ?? 'none'}`,
  )

const meddle = (change: (elements: MutableElements) => void) => world.plane.meddle(change)

describe('side by side', () => {
  test('by Service and frontend, the node’s own last; all the same', async () => {
    const { head, groups } = await read()
    expect(groups.map(({ service }) => service)).toEqual(['ns/six', 'ns/web', ''])
    expect(head).toMatchObject({
      mode: 'full',
      synced: true,
      missing: 0,
      unplanned: 0,
      other: 0,
      left: 0,
      note: '',
    })
    expect(head.same).toBe(groups.flatMap(({ elements }) => elements).length)
    expect(lines(groups[0])).toEqual([
      '= fd00:172:30::41 cluster-ips   ',
      '= [fd00:172:30::41]:80/tcp endpoints 0 fd00:10:0:180::9 . 80 fd00:10:0:180::9 . 80',
      '= [fd00:172:30::41]:80/tcp frontends  1 1',
    ])
    expect(lines(groups[1])).toEqual(
      expect.arrayContaining([
        '= *:30080/tcp nodeport-endpoints 1 10.180.1.9 . 80 10.180.1.9 . 80',
        '= 1.2.3.4:80/tcp external-cluster   ',
        '=  hairpin 10.180.0.9 . 10.180.0.9 . tcp . 80  ',
      ]),
    )
    expect(lines(groups[2])).toContain('=  pod-sources 10.0.0.0/8  ')
  })

  test('what is missing, what is too much, and what is otherwise', async () => {
    meddle((elements) => {
      elements[4]['external-cluster'].delete('1.2.3.4 . tcp . 80')
      elements[4].endpoints.set('1.2.3.4 . tcp . 80 . 2', '10.9.9.9 . 80')
      elements[4].endpoints.set('1.2.3.4 . tcp . 80 . 1', '10.8.8.8 . 80')
      elements[4].endpoints.set('9.9.9.9 . udp . 53 . 0', '10.9.9.9 . 53')
      elements[4]['cluster-ips'].set('172.30.9.9', '')
      elements[4]['pod-sources'].set('11.0.0.0/8', '')
    })
    const { head, groups } = await read({ differences: true })
    expect(head).toMatchObject({ missing: 1, unplanned: 4, other: 1 })
    expect(groups.map(({ service, differences }) => [service, differences])).toEqual([
      ['ns/web', 3],
      ['', 3],
    ])
    expect(lines(groups[0]).sort()).toEqual([
      '! 1.2.3.4:80/tcp endpoints 1 10.180.1.9 . 80 10.8.8.8 . 80',
      '+ 1.2.3.4:80/tcp external-cluster   none',
      '- 1.2.3.4:80/tcp endpoints 2 none 10.9.9.9 . 80',
    ])
    expect(lines(groups[1]).sort()).toEqual([
      '-  pod-sources 11.0.0.0/8 none ',
      '- 172.30.9.9 cluster-ips  none ',
      '- 9.9.9.9:53/udp endpoints 0 none 10.9.9.9 . 53',
    ])
  })

  test('a Service with differences stands before the others, so that no limit hides it', async () => {
    meddle((elements) => elements[4].endpoints.delete('1.2.3.4 . tcp . 80 . 1'))
    const { head, groups } = await read({ limit: 1 })
    expect([groups.map(({ service }) => service), head.left]).toEqual([['ns/web'], 2])
  })

  test('one Service, with what the kernel has too much of it', async () => {
    meddle((elements) => {
      elements[4].endpoints.set('1.2.3.4 . tcp . 80 . 2', '10.9.9.9 . 80')
      elements[4].pingable.delete('1.2.3.4')
      elements[4]['cluster-ips'].set('1.2.3.4', '')
      elements[4].endpoints.set('9.9.9.9 . udp . 53 . 0', '10.9.9.9 . 53')
    })
    const { head, groups } = await read({ service: 'ns/web' })
    expect(groups.map(({ service, differences }) => [service, differences])).toEqual([['ns/web', 3]])
    expect(head).toMatchObject({ unplanned: 2, missing: 1 })
    await expect(read({ service: 'ns/no' })).rejects.toThrow('forwarding knows no Service ns/no')
  })

  test('one family', async () => {
    const { groups } = await read({ family: 6 })
    expect(groups.map(({ service }) => service)).toEqual(['ns/six', ''])
    expect(groups.flatMap(({ elements }) => elements).every(({ family }) => family === 6)).toBe(true)
  })
})

test('before anything is planned it is not known what is missing', async () => {
  world = new TestForwarder()
  world.forwarder.start()
  const refusal = { code: 'FL_ADMIN_NOT_SYNCED', statusCode: 503 }
  await expect(read()).rejects.toMatchObject(refusal)
  await expect(read({ service: 'ns/web' })).rejects.toMatchObject(refusal)
  await expect(read({ service: 'ns/web' })).rejects.toThrow('nothing is planned yet')
})

test('what could not be programmed is missing, and the error is told', async () => {
  world.plane.failure = new Error('no memory')
  world.put(service('more', { clusterIPs: ['172.30.0.60'] }), slice('more', ['10.180.0.3']))
  await world.clock.advance(1)
  const { head, groups } = await read({ service: 'ns/more' })
  expect(head).toMatchObject({
    synced: false,
    missing: 3,
    note: 'the kernel is behind the plan: Error: no memory',
  })
  expect(groups[0].elements.every(({ mark }) => mark === '+')).toBe(true)
})

test('where another proxy forwards there is nothing, and it says so', async () => {
  world = new TestForwarder({ mode: 'off' })
  const { head, groups } = await read()
  expect(groups).toEqual([])
  expect(head.note).toBe('this node does not forward: forwarding is off')
  expect((await read({ service: 'ns/web' })).head.note).toBe(head.note)
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dataplane } from './dataplane.ts'
import { diffElements } from './diff.ts'
import { elementLines } from './fake-dataplane.ts'
import {
  affinityOf,
  emptyElements,
  endpointsOf,
  type Collection,
  type Elements,
  type MutableElements,
  type Operation,
} from './model.ts'

/**
 * What every data plane does. `open` gives a new one over the same packet path, as after a restart; `reset` makes that
 * path empty.
 */
export interface Subject {
  readonly open: () => Promise<Dataplane>
  readonly reset: () => Promise<void>
}

const put = (elements: MutableElements, family: 4 | 6, collection: Collection, key: string, value = '') =>
  elements[family][collection].set(key, value)

/** An element of every collection and field, of both families. */
export function everything(): MutableElements {
  const elements = emptyElements()
  for (const [family, vip, one, two, net, other] of [
    [4, '10.96.0.1', '10.0.1.1', '10.0.2.1', '10.0.0.0/16', '255.128.0.0/9'],
    [6, 'fd00:96::1', 'fd00:1::1', 'fd00:2::1', 'fd00::/16', 'ff80::/9'],
  ] as const) {
    const add = (collection: Collection, key: string, value = '') =>
      put(elements, family, collection, key, value)
    for (const over of ['frontends', 'local-frontends'] as const) {
      const endpoints = over === 'frontends' ? 'endpoints' : 'local-endpoints'
      add(over, `${vip} . tcp . 80`, '2')
      add(endpoints, `${vip} . tcp . 80 . 0`, `${one} . 8080`)
      add(endpoints, `${vip} . tcp . 80 . 1`, `${two} . 65535`)
    }
    add('nodeports', 'udp . 30053', '1')
    add('nodeport-endpoints', 'udp . 30053 . 0', `${one} . 53`)
    add('local-nodeports', 'sctp . 30054', '1')
    add('local-nodeport-endpoints', 'sctp . 30054 . 0', `${two} . 1`)
    add('frontends', `${vip} . sctp . 80`, '1@round-robin-15')
    add('endpoints', `${vip} . sctp . 80 . 0`, `${two} . 81`)
    add('local-frontends', `${vip} . sctp . 80`, '2@source-hash')
    add('local-endpoints', `${vip} . sctp . 80 . 0`, `${one} . 81`)
    add('local-endpoints', `${vip} . sctp . 80 . 1`, `${one} . 81`)
    for (const [over, frontend, list, endpoint] of [
      ['frontends', `${vip} . udp . 80`, 1, `${one} . 53`],
      ['local-frontends', `${vip} . udp . 80`, 2, `${one} . 53`],
      ['nodeports', 'udp . 30080', 2, `${one} . 53`],
      ['local-nodeports', 'udp . 30081', 250_000, `${two} . 53`],
    ] as const) {
      const member = `${list}/${list === 2 ? 8191 : 1}`
      add(over, frontend, '1')
      add(endpointsOf[over], `${frontend} . 0`, endpoint)
      add('affinity-endpoints', member, endpoint)
      add('affinity-timeouts', `${list} . ${list === 1 ? 10_800 : 60}`)
      add(affinityOf[over].slots, `${frontend} . 0`, member)
      add(affinityOf[over].lists, frontend, String(list))
    }
    add('hairpin', `${one} . ${one} . tcp . 8080`)
    add('restricted-frontends', `${vip} . tcp . 80`)
    add('allowed-sources', `${vip} . tcp . 80 . ${net}`)
    add('allowed-sources', `${vip} . tcp . 80 . ${one}/${family === 4 ? 32 : 128}`)
    add('external-cluster', `${vip} . tcp . 80`)
    add('external-local', `${vip} . udp . 80`)
    add('nodeport-external-cluster', 'tcp . 30080')
    add('nodeport-external-local', 'udp . 30053')
    add('cluster-ips', vip)
    add('vacated-addresses', one)
    add('pod-sources', net)
    add('pod-sources', other)
    add('unmasqueraded-sources', family === 4 ? '0.0.0.0/0' : '::/0')
    add('service-cidrs', family === 4 ? '10.96.0.0/12' : 'fd00:96::/108')
    add('service-cidrs', family === 4 ? '10.112.0.0/12' : 'fd00:97::/108')
    add('nodeport-addresses', family === 4 ? '192.0.2.1/32' : '2001:db8::1/128')
    add('pingable', vip)
    add('ping-responder', family === 4 ? '0.0.0.0' : '::', one)
    add('drop-frontends', `${vip} . tcp . 81`)
    add('reject-frontends', `${vip} . tcp . 82`)
    add('nodeport-drop', 'tcp . 30081')
    add('nodeport-reject', 'tcp . 30082')
  }
  return elements
}

/** Operations from nothing to these elements, and back. */
export const build = (elements: Elements): Operation[] => diffElements(emptyElements(), elements)
const clear = (elements: Elements): Operation[] => diffElements(elements, emptyElements())

const add = (collection: Collection, key: string, value = ''): Operation => ({
  do: 'add',
  family: 4,
  collection,
  key,
  value,
})

export function dataplaneSuite(name: string, subject: () => Promise<Subject>): void {
  describe(`data plane: ${name}`, () => {
    let world: Subject
    let plane: Dataplane
    const lines = async () => elementLines(await plane.adopt())
    const refused = (operations: Operation[]) =>
      plane.apply(operations).then(
        () => 'accepted',
        (error: { code?: string }) => error.code,
      )
    const restart = async () => {
      plane.close()
      plane = await world.open()
    }
    beforeAll(async () => {
      world = await subject()
      plane = await world.open()
    })
    afterAll(() => plane.close())

    test('is empty at first', async () => {
      await world.reset()
      expect(await lines()).toEqual([])
    })

    test('holds every kind of element, and tells it after a restart', async () => {
      const elements = everything()
      await plane.apply(build(elements))
      expect(await lines()).toEqual(elementLines(elements))
      await restart()
      expect(await lines()).toEqual(elementLines(elements))
      await plane.apply(clear(elements))
      expect(await lines()).toEqual([])
    })

    test('lists what is there, and what is not there it does not install', async () => {
      const elements = everything()
      await plane.apply(build(elements))
      expect(elementLines(await plane.list())).toEqual(elementLines(elements))
      await plane.remove()
      expect(elementLines(await plane.list())).toEqual([])
      expect(await plane.remove()).toEqual([])
      await plane.adopt()
    })

    test('replaces a value', async () => {
      const before = everything()
      const after = everything()
      put(after, 4, 'endpoints', '10.96.0.1 . tcp . 80 . 1', '10.0.3.1 . 8080')
      put(after, 4, 'ping-responder', '0.0.0.0', '10.0.9.9')
      await plane.apply(build(before))
      await plane.apply(diffElements(before, after))
      expect(await lines()).toEqual(elementLines(after))
      await plane.apply(clear(after))
    })

    test('a range takes the place of what lies in it, and the other way round', async () => {
      const some = (...prefixes: string[]) => {
        const elements = emptyElements()
        for (const prefix of prefixes) {
          put(elements, prefix.includes(':') ? 6 : 4, 'nodeport-addresses', prefix)
        }
        return elements
      }
      const states = [
        some('192.0.2.1/32', 'fd00::1/128'),
        some('192.0.2.0/24', '192.0.3.0/24', 'fd00::/64', 'fd00:0:0:1::/64'),
        some('192.0.2.0/23', '::/0'),
        some('192.0.2.0/25', '192.0.3.0/32', 'fd00::/64'),
        some('0.0.0.0/0', 'fd00::2/128'),
        some(),
      ]
      let before = some()
      for (const state of states) {
        await plane.apply(diffElements(before, state))
        expect(await lines()).toEqual(elementLines(state))
        before = state
      }
    })

    test('refuses to add what is there, and then does nothing at all', async () => {
      const elements = everything()
      await plane.apply(build(elements))
      const fresh: Operation = {
        do: 'add',
        family: 4,
        collection: 'cluster-ips',
        key: '10.96.0.9',
        value: '',
      }
      const known: Operation = { ...fresh, key: '10.96.0.1' }
      expect(await refused([fresh, known])).toBe('FL_FORWARDING_EXISTS')
      expect(await lines()).toEqual(elementLines(elements))
    })

    test('refuses to delete or replace what is not there, and then does nothing at all', async () => {
      const elements = everything()
      const good: Operation = {
        do: 'delete',
        family: 4,
        collection: 'hairpin',
        key: '10.0.1.1 . 10.0.1.1 . tcp . 8080',
        value: '',
      }
      const gone: Operation = {
        do: 'delete',
        family: 6,
        collection: 'cluster-ips',
        key: 'fd00:96::99',
        value: '',
      }
      const other: Operation = {
        do: 'replace',
        family: 4,
        collection: 'ping-responder',
        key: '10.96.0.99',
        value: '10.0.1.1',
        previous: '10.0.1.2',
      }
      expect(await refused([good, gone])).toBe('FL_FORWARDING_MISSING')
      expect(await refused([good, other])).toBe('FL_FORWARDING_MISSING')
      expect(await lines()).toEqual(elementLines(elements))
    })

    test('refuses elements that do not fit', async () => {
      for (const operation of [
        add('cluster-ips', '10.96.0'),
        add('cluster-ips', '10.96.0.256'),
        add('cluster-ips', 'fd00::1'),
        add('frontends', '10.96.0.1 . tcp', '1'),
        add('frontends', '10.96.0.1 . icmp . 80', '1'),
        add('frontends', '10.96.0.1 . tcp . 65536', '1'),
        add('hairpin', '10.0.1.1 . 10.0.1.1 . tcp . 80 . 80'),
        add('frontends', '10.96.0.1 . tcp . 80', '0'),
        add('frontends', '10.96.0.1 . tcp . 80', '3@round-robin-16'),
        add('frontends', '10.96.0.1 . tcp . 80', '3@weighted'),
        add('affinity-endpoints', '1', '10.0.1.1 . 80'),
        add('affinity-endpoints', '1/8192', '10.0.1.1 . 80'),
        add('affinity-endpoints', '250001/1', '10.0.1.1 . 80'),
        add('affinity-frontends', '10.96.0.1 . tcp . 80', '0'),
        add('affinity-timeouts', '1 . 86401'),
      ]) {
        expect(await refused([operation]), JSON.stringify(operation)).toBe('FL_FORWARDING_ELEMENT')
      }
    })

    test('counts, from nothing', async () => {
      expect(await plane.counters()).toEqual({ escapes: 0, returned: 0 })
    })

    test('says what it removes', async () => {
      expect(await plane.installed()).toBe(true)
      expect(await plane.remove()).not.toEqual([])
      expect(await plane.installed()).toBe(false)
      expect(await lines()).toEqual([])
    })
  })
}

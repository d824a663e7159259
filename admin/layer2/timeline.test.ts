import { expect, test } from 'vitest'
import type { Layer2View } from '#speaker/view.ts'
import type { Layer2Event } from '#speaker/wire/protocol.ts'
import { timelineDocument } from './timeline.ts'

const events: readonly Layer2Event[] = [
  { at: 1, address: '', what: 'neighborDead', node: 'node2' },
  { at: 2, address: '2001:db8::1', what: 'took', cause: 'failure' },
]
const port = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:0a',
  up: true,
  prefixes: [],
  usable: true,
  reason: '',
}
const view = {
  node: 'node1',
  interfaces: [port],
  layer2Of: (address: string) =>
    ({
      address,
      services: [],
      candidates: [],
      served: true,
      holder: {
        address,
        holder: 'node1',
        held: address === '2001:db8::1',
        since: 0,
        interfaces: [],
        reason: '',
      },
    }) satisfies Layer2View,
  layer2Events: (address?: string) => events.filter((one) => [address, ''].includes(one.address) || !address),
}

test('an address is found in whatever form it is written', () => {
  expect(timelineDocument(view, '2001:DB8:0::1')).toEqual({
    node: 'node1',
    address: '2001:db8::1',
    held: true,
    interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:0a' }],
    items: events,
  })
  expect(timelineDocument(view, '192.0.2.1')).toMatchObject({ held: false, items: [events[0]] })
})

test('without an address there is everything', () => {
  expect(timelineDocument(view, undefined)).toMatchObject({ address: '', held: false, items: events })
})

test('what is no address is refused', () => {
  expect(() => timelineDocument(view, 'web')).toThrow('address: web is not an address')
})

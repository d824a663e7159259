import { expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { bothFamilies, ReadableRib } from './testing.ts'

const context = { ...bothFamilies, localAS: 64500, nextHops: { 4: parseAddress('192.0.2.2') } }
const list = (rib: ReadableRib) => [...rib.list()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))

test('what the peer has, what waits, what goes and what cannot be sent', () => {
  const rib = new ReadableRib()
  const first = parsePrefix('198.51.100.1/32')
  rib.put({ prefix: first, communities: [{ kind: 'standard', value: [64500, 1] }], med: 5 })
  expect(list(rib)).toEqual([{ prefix: '198.51.100.1/32', state: 'waiting' }])
  rib.open(context)
  rib.updates(10)
  rib.put({ prefix: parsePrefix('198.51.100.2/32'), communities: [], asPathPrepend: 1 })
  rib.put({ prefix: parsePrefix('2001:db8::1/128'), communities: [] })
  const attributes = { nextHops: ['192.0.2.2'], asPath: '64500' }
  expect(list(rib)).toEqual([
    { prefix: '198.51.100.1/32', state: 'sent', ...attributes, med: 5, communities: ['64500:1'] },
    { prefix: '198.51.100.2/32', state: 'waiting', ...attributes, asPath: '64500 64500' },
    {
      prefix: '2001:db8::1/128',
      state: 'unsent',
      reason: 'the session runs over the other family and no next hop is configured',
    },
  ])
  rib.withdraw(first)
  expect(list(rib)[0]).toEqual({ prefix: '198.51.100.1/32', state: 'withdrawing' })
  rib.updates(10)
  expect(list(rib).map(({ prefix }) => prefix)).toEqual(['198.51.100.2/32', '2001:db8::1/128'])
})

import { expect, test } from 'vitest'
import { routedAddresses } from './routed-addresses.ts'

const route = (prefix: string) => ({ peer: 'tor', prefix, communities: [] })
const dual = ['192.0.2.1', '2001:db8::1']

test('an address of which no session of this node may have a route does not count as announced', () => {
  expect(routedAddresses(dual, { routes: [route('192.0.2.0/24')] })).toEqual(['192.0.2.1'])
  expect(routedAddresses(dual, { routes: [route('2001:db8::1/128')] })).toEqual(['2001:db8::1'])
  expect(routedAddresses(dual, { routes: [route('192.0.2.1/32'), route('2001:db8::/64')] })).toEqual(dual)
  expect(routedAddresses(dual, { routes: [] })).toEqual([])
})

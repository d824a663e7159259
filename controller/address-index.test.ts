import { expect, test } from 'vitest'
import { addressesOf, AddressIndex } from './address-index.ts'
import { ingress, service } from './test-services.ts'

test('the addresses of a Service, each once, whoever may use them', () => {
  const spec = { clusterIPs: ['10.96.0.1', 'FD00:0::1'], externalIPs: ['192.000.02.010', '10.96.0.1', 'x'] }
  const web = service('web', { spec, status: ingress('192.0.2.2') })
  expect(addressesOf(web)).toEqual(['10.96.0.1', 'fd00::1', '192.0.2.10', '192.0.2.2'])
  expect(addressesOf(service('web', { spec: { clusterIPs: ['None'] } }))).toEqual([])
})

test('which Services have an address, and whom company comes to or leaves alone', () => {
  const index = new AddressIndex()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => service(name))
  expect(index.add('1', 'test/a', a)).toBeUndefined()
  expect([index.isShared('1'), index.of('1')]).toEqual([false, ['test/a']])
  const newer = service('a')
  expect(index.add('1', 'test/a', newer)).toBeUndefined()
  expect(index.add('1', 'test/b', b)).toBe(newer)
  expect(index.add('1', 'test/c', c)).toBeUndefined()
  expect([index.isShared('1'), index.of('1')]).toEqual([true, ['test/a', 'test/b', 'test/c']])
  expect(index.delete('1', 'test/a')).toBeUndefined()
  expect(index.delete('1', 'test/b')).toBe(c)
  expect([index.isShared('1'), index.of('1')]).toEqual([false, ['test/c']])
  expect(index.delete('1', 'test/b')).toBeUndefined()
  expect(index.delete('1', 'test/c')).toBeUndefined()
  expect(index.of('1')).toEqual([])
})

import { expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import { parseReservation } from './reservation.ts'

const read = (spec: unknown, more: object = {}) =>
  parseReservation({ metadata: { name: 'web', namespace: 'shop', ...more }, spec })

test('reads addresses IPv4 first, pools as written, and who has it', () => {
  const object = {
    metadata: {
      name: 'web',
      namespace: 'shop',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { a: 'b' },
    },
    spec: { addresses: ['FD00::1', '10.0.0.1'], pools: ['six', 'four'] },
    status: { service: 'web' },
  }
  const { addresses, ...rest } = parseReservation(object)
  expect(addresses.map(formatAddress)).toEqual(['10.0.0.1', 'fd00::1'])
  expect(rest).toEqual({
    name: 'web',
    namespace: 'shop',
    labels: { a: 'b' },
    created: '2026-01-01T00:00:00Z',
    pools: ['six', 'four'],
    invalid: '',
    recordedService: 'web',
  })
})

test.each([
  [undefined, 'spec.addresses: there is no address'],
  [{ addresses: [] }, 'spec.addresses: there is no address'],
  [{ addresses: '10.0.0.1' }, 'spec.addresses: must be a list, not a string'],
  [{ addresses: [7] }, 'spec.addresses[0]: must be a string, not a number'],
  [{ addresses: ['10.0.0.1/32'] }, 'spec.addresses[0]: invalid IP address "10.0.0.1/32"'],
  [{ addresses: ['fe80::1%eth0'] }, 'spec.addresses[0]: invalid IP address "fe80::1%eth0"'],
  [{ addresses: ['10.0.0.01'] }, 'spec.addresses[0]: invalid IP address "10.0.0.01"'],
  [
    { addresses: ['10.0.0.1', '10.0.0.2'] },
    'spec.addresses[1]: "10.0.0.2" is the second address of its family',
  ],
])('%j keeps nothing', (spec, invalid) => {
  expect(read(spec)).toMatchObject({ addresses: [], invalid })
})

test.each([null, 7, {}, { metadata: null }, { metadata: { name: 'a' }, spec: 7, status: 7 }])(
  'never throws: %j',
  (object) => {
    expect(parseReservation(object).addresses).toEqual([])
    expect(parseReservation(object).invalid).not.toBe('')
  },
)

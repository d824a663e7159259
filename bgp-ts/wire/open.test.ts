import { expect, test } from 'vitest'
import { BgpError, notifications } from '../errors.ts'
import { decodeOpen } from './open.ts'

const open = (parameters: string): Uint8Array =>
  Buffer.from(`04 fc00 005a 0a000001 ${parameters}`.replaceAll(' ', ''), 'hex')

function errorOf(body: Uint8Array): readonly number[] {
  try {
    decodeOpen(body)
  } catch (error) {
    if (error instanceof BgpError) return notifications[error.code].slice(0, 2) as number[]
    throw error
  }
  throw new Error('decoded')
}

test('capabilities in one parameter, in one each, and in extended parameters are the same', () => {
  const together = decodeOpen(open('0a 02 08 0104 0001 0001 0200'))
  const apart = decodeOpen(open('0c 02 06 0104 0001 0001 02 02 0200'))
  // RFC 9072 2: length 255, type 255, then lengths of two octets.
  const extended = decodeOpen(open('ff ff 000b 02 0008 0104 0001 0001 0200'))
  expect(apart).toEqual(together)
  expect(extended).toEqual(together)
  expect(together.capabilities).toEqual([
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'routeRefresh' },
  ])
})

test('more than 255 octets of capabilities arrive in extended parameters', () => {
  const capability = `efc8${'00'.repeat(200)}`
  const { capabilities } = decodeOpen(open(`ff ff 0197 02 0194 ${capability} ${capability}`))
  expect(capabilities.map(({ kind }) => kind)).toEqual(['unknown', 'unknown'])
})

test.each([
  ['another version', Buffer.from('05fc00005a0a00000100', 'hex'), [2, 1]],
  ['parameter type 1', open('06 01 04 00000000'), [2, 4]],
  ['parameters past the end', open('20'), [2, 0]],
  ['octets behind the parameters', open('00 00'), [2, 0]],
  ['a capability past its parameter', open('06 02 04 010a0001'), [2, 0]],
  ['a parameter without its length', open('01 02'), [2, 0]],
  ['a multiprotocol capability of 3 octets', open('07 02 05 0103000100'), [2, 0]],
  ['a 4-octet AS capability of 2 octets', open('06 02 04 4102fc00'), [2, 0]],
  ['extended parameters past the end', open('ff ff 0020 02 0008'), [2, 0]],
])('%s', (_name, body, pair) => {
  expect(errorOf(body)).toEqual(pair)
})

test.each([
  ['a role of 2 octets', open('06 02 04 09020300')],
  ['an extended next hop of 5 octets', open('09 02 07 05050001000100')],
  ['a graceful restart of 1 octet', open('05 02 03 400140')],
  ['a graceful restart of 4 octets', open('08 02 06 400440780001')],
])('%s is malformed', (_name, body) => {
  expect(errorOf(body)).toEqual([2, 0])
})

test.each([
  ['empty', '04 02 02 4900'],
  ['without a domain length', '06 02 04 4902 0161'],
  ['beyond its end', '07 02 05 4903 056162'],
])('a host name capability that is %s is ignored', (_name, parameters) => {
  expect(decodeOpen(open(parameters)).capabilities).toMatchObject([{ kind: 'unknown', code: 73 }])
})

test('a host name cannot break a line', () => {
  const [capability] = decodeOpen(open('0a 02 08 4906 04 610a1b62 00')).capabilities
  expect(capability).toEqual({ kind: 'hostname', host: 'a\ufffd\ufffdb', domain: '' })
})

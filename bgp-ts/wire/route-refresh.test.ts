import { expect, test } from 'vitest'
import { BgpError } from '../errors.ts'
import { message } from '../testing.ts'
import { decodeRouteRefresh } from './route-refresh.ts'

test.each([
  ['a plain request', '00010001', { afi: 1, subtype: 0, safi: 1 }],
  ['the begin of a re-send', '00020101', { afi: 2, subtype: 1, safi: 1 }],
  ['an unknown subtype with whatever it brings', '0001ff01dead', { afi: 1, subtype: 255, safi: 1 }],
])('%s', (_name, body, expected) => {
  expect(decodeRouteRefresh(Buffer.from(body, 'hex'))).toEqual({ type: 'routeRefresh', ...expected })
})

test.each(['0001000101', '0001010101', '0001020100'])(
  '%s is of the wrong length: 7/1 with the message',
  (body) => {
    const decode = () => decodeRouteRefresh(Buffer.from(body, 'hex'))
    const data = [...message(`001805${body}`)]
    expect(decode).toThrow(
      expect.objectContaining({ code: 'FL_BGP_REFRESH_LENGTH', data, treatment: 'reset' }),
    )
    expect(decode).toThrow(BgpError)
  },
)

test('of a message as long as it can be, as much comes back as fits', () => {
  const body = new Uint8Array(4096 - 19)
  const decode = () => decodeRouteRefresh(body)
  expect(decode).toThrow(expect.objectContaining({ data: expect.objectContaining({ length: 4096 - 21 }) }))
})

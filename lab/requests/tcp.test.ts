import { describe, expect, it } from 'vitest'
import { parseResponse } from './tcp.ts'

const response = (body: string, length = Buffer.byteLength(body)): string =>
  `HTTP/1.1 503 Service Unavailable\r\nContent-Length: ${length}\r\nX: y\r\n\r\n${body}`

describe('parseResponse', () => {
  it('waits for all of it', () => {
    const whole = response('{"pod":"é"}\n')
    for (let length = 0; length < whole.length; length++) {
      expect(parseResponse(whole.slice(0, length))).toBeUndefined()
    }
    expect(parseResponse(whole)).toEqual({ status: 503, pod: 'é' })
  })

  it.each(['{"localEndpoints": 1}', 'plain', ''])('gives %j, which no echo server says, as it is', (body) => {
    expect(parseResponse(response(body))).toEqual({ status: 503, body })
  })

  it('takes a response without a length for one without a body', () => {
    expect(parseResponse('HTTP/1.1 204 No Content\r\n\r\n')).toEqual({ status: 204, body: '' })
  })
})

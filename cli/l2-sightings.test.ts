import { expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import {
  buildGratuitousReply,
  buildGratuitousRequest,
  buildProbe,
  buildReply,
  parseArp,
} from '#speaker/layer2/arp.ts'
import { macNumber } from '#speaker/layer2/ethernet.ts'
import { buildUnsolicited } from '#speaker/layer2/ndp.ts'
import { sightingsOf } from './l2-sightings.ts'

const VIP = 0xc0000232
const mac = macNumber('02:00:00:00:00:0a')
const client = macNumber('02:00:00:00:00:c7')
const octets = (text: string) => addressToBytes(parseAddress(text))
const request = parseArp(buildProbe(VIP, client))
const answer = 'drop' in request ? new Uint8Array() : buildReply(request, mac)
const unsolicited = buildUnsolicited(octets('2001:db8::50'), mac, octets('fe80::a'))
/** The same with the S flag. */
const solicited = Uint8Array.from(unsolicited).fill(unsolicited[58] | 0x40, 58, 59)

test.each([
  ['a request', buildProbe(VIP, client), 'request', '192.0.2.50', '02:00:00:00:00:c7'],
  ['its answer', answer, 'answer', '192.0.2.50', '02:00:00:00:00:0a'],
  [
    'an announcing request',
    buildGratuitousRequest(VIP, mac),
    'announcement',
    '192.0.2.50',
    '02:00:00:00:00:0a',
  ],
  ['an announcing reply', buildGratuitousReply(VIP, mac), 'announcement', '192.0.2.50', '02:00:00:00:00:0a'],
  ['a solicited advertisement', solicited, 'answer', '2001:db8::50', '02:00:00:00:00:0a'],
  ['an unsolicited one', unsolicited, 'announcement', '2001:db8::50', '02:00:00:00:00:0a'],
])('%s', (_what, frame, what, address, by) => {
  expect(sightingsOf([{ at: 7, frame }])).toEqual([{ at: 7, what, address, mac: by }])
})

test('everything else is passed over, and so is what is cut short', () => {
  const advertisement = buildUnsolicited(octets('2001:db8::50'), mac, octets('fe80::a'))
  const other = Uint8Array.from(advertisement).fill(17, 20, 21)
  const short = [answer, advertisement].flatMap((frame) =>
    Array.from({ length: 42 }, (_, length) => frame.subarray(0, length)),
  )
  expect(sightingsOf([other, ...short].map((frame) => ({ at: 0, frame })))).toEqual([])
})

import { describe, expect, test } from 'vitest'
import { buildGratuitousReply, buildGratuitousRequest, buildProbe } from '../arp.ts'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { macNumber } from '../ethernet.ts'
import { buildUnsolicited, parseNeighborDiscovery } from '../ndp.ts'
import { foreignAnswer, foreignClaim, question, whatSaid } from './frames.ts'

const asker = { mac: macNumber('02:00:00:00:00:c1'), address4: '10.0.9.1', address6: 'fe80::c1' }
const other = { mac: macNumber('02:00:00:00:00:f1'), address4: '10.0.9.2', address6: 'fe80::f1' }
const number = Number(parseAddress('10.0.1.50').value)
const octets = addressToBytes(parseAddress('2001:db8::50'))

describe.each(['10.0.1.50', '2001:db8::50'])('%s', (address) => {
  test('a question, its answer and a claim are read back', () => {
    const asked = question(address, asker)
    expect(whatSaid(asked)).toEqual({ kind: 'question', address, mac: asker.mac })
    const answer = foreignAnswer(asked, address, other)
    expect(answer && whatSaid(answer)).toEqual({ kind: 'answer', address, mac: other.mac })
    expect(foreignAnswer(asked, '10.0.1.99', other)).toBeUndefined()
    expect(whatSaid(foreignClaim(address, other))).toEqual({ kind: 'claim', address, mac: other.mac })
  })
})

test('what nodes send unasked is a claim, a probe is a question', () => {
  const claim = { kind: 'claim', address: '10.0.1.50', mac: other.mac }
  expect(whatSaid(buildGratuitousRequest(number, other.mac))).toEqual(claim)
  expect(whatSaid(buildGratuitousReply(number, other.mac))).toEqual(claim)
  expect(whatSaid(buildProbe(number, other.mac))).toEqual({ ...claim, kind: 'question' })
  const advertisement = buildUnsolicited(octets, other.mac, addressToBytes(parseAddress('fe80::f1')))
  expect(whatSaid(advertisement)).toEqual({ ...claim, address: '2001:db8::50' })
})

test('a solicitation is valid', () => {
  expect(parseNeighborDiscovery(question('2001:db8::50', asker))).toMatchObject({
    sourceLinkLayer: asker.mac,
  })
})

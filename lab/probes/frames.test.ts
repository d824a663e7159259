import { expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { arpOperation, parseArp } from '#speaker/layer2/arp.ts'
import { broadcastMac, macNumber } from '#speaker/layer2/ethernet.ts'
import { parseNeighborDiscovery } from '#speaker/layer2/ndp.ts'
import { lanHost } from '../network/addressing.ts'
import { requestFor } from './frames.ts'

const station = lanHost('probe', 6)
const mac = macNumber(station.mac)

test('a request of ARP', () => {
  expect(parseArp(requestFor('192.168.1.100', station))).toEqual({
    destination: broadcastMac,
    source: mac,
    operation: arpOperation.request,
    senderMac: mac,
    senderAddress: 0xc0a80106,
    targetMac: 0,
    targetAddress: 0xc0a80164,
  })
})

test('a solicitation that passes every check of RFC 4861', () => {
  expect(parseNeighborDiscovery(requestFor('fd00::1:2345', station))).toMatchObject({
    sourceMac: mac,
    source: addressToBytes(parseAddress(station.v6)),
    destination: addressToBytes(parseAddress('ff02::1:ff01:2345')),
    target: addressToBytes(parseAddress('fd00::1:2345')),
    sourceLinkLayer: mac,
  })
})

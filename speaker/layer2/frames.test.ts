import { expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { arpOperation, parseArp } from './arp.ts'
import { toHost } from './frames.ts'
import { parseNeighborDiscovery } from './ndp.ts'

const [mac, theirs] = [0x0200_0000_000a, 0x0200_0000_000b]
const linkLocal = addressToBytes(parseAddress('fe80::a'))

test('a kernel is asked as any neighbour asks', () => {
  expect(parseArp(toHost('192.0.2.11', '192.0.2.10', { mac, linkLocal }, theirs) as Uint8Array)).toEqual({
    destination: theirs,
    source: mac,
    operation: arpOperation.request,
    senderMac: mac,
    senderAddress: 0xc000020a,
    targetMac: 0,
    targetAddress: 0xc000020b,
  })
  expect(
    parseNeighborDiscovery(toHost('2001:db8::b', '2001:db8::a', { mac, linkLocal }, theirs) as Uint8Array),
  ).toMatchObject({ kind: 'solicitation', destinationMac: theirs, source: linkLocal, sourceLinkLayer: mac })
})

test('an interface without IPv6 asks nobody by it', () => {
  expect(toHost('2001:db8::b', '2001:db8::a', { mac }, theirs)).toBeUndefined()
})

import { beforeEach, describe, expect, test } from 'vitest'
import {
  buildRouterAdvertisement,
  buildRouterSolicitation,
  parseRouterMessage,
} from './router-advertisement.ts'
import { RouterDiscovery } from './router-discovery.ts'

const own = { mac: '02:00:00:00:00:0a', linkLocal: 'fe80::a' }
const from = (linkLocal: string): Uint8Array =>
  buildRouterAdvertisement({ mac: '02:00:00:00:00:0b', linkLocal })

let discovery: RouterDiscovery
let inUse: boolean
beforeEach(() => {
  inUse = false
  discovery = new RouterDiscovery(
    () => 0.5,
    () => inUse,
  )
  discovery.up('eth0', own, 0)
})

/** What is sent up to a time, as `time kind`. */
function sent(until: number): string[] {
  const lines: string[] = []
  for (let now = 0; now <= until;) {
    const { frames, deadline } = discovery.due(now)
    for (const { frame } of frames) lines.push(`${now} ${parseRouterMessage(frame)?.kind}`)
    now = deadline
  }
  return lines
}

describe('what we send', () => {
  test('an advertisement at once and every 3.3 to 10 s, three solicitations until a router is heard', () => {
    expect(sent(15_000)).toEqual([
      '0 advertisement',
      '0 solicitation',
      '4000 solicitation',
      '6650 advertisement',
      '8000 solicitation',
      '13300 advertisement',
    ])
  })

  test('no solicitation when the router is known', () => {
    discovery.receive('eth0', from('fe80::1'), 0)
    expect(sent(10_000)).toEqual(['0 advertisement', '6650 advertisement'])
  })

  test('an answer to a solicitation within half a second, and no two within three', () => {
    discovery.due(0)
    const solicitation = buildRouterSolicitation({ mac: '02:00:00:00:00:0b', linkLocal: 'fe80::b' })
    discovery.receive('eth0', solicitation, 1000)
    expect(discovery.due(1000).deadline).toBe(3000)
    expect(discovery.due(3000).frames).toHaveLength(1)
    discovery.receive('eth0', solicitation, 6100)
    expect(discovery.due(6349).frames.filter(({ frame }) => frame[54] === 134)).toHaveLength(0)
    expect(discovery.due(6350).frames.filter(({ frame }) => frame[54] === 134)).toHaveLength(1)
  })

  test('nothing on an interface that is down, and from the start when it is up again', () => {
    discovery.due(0)
    discovery.down('eth0')
    expect(discovery.due(100_000)).toEqual({ frames: [], deadline: Infinity })
    discovery.up('eth0', own, 100_000)
    expect(discovery.due(100_000).frames).toHaveLength(2)
  })
})

describe('the router', () => {
  test('is whoever was heard first', () => {
    expect(discovery.router('eth0')).toBeUndefined()
    expect(discovery.receive('eth0', from('fe80::1'), 0)).toBe(true)
    expect(discovery.receive('eth0', from('fe80::1'), 1)).toBe(false)
    expect(discovery.receive('eth0', from('fe80::2'), 2)).toBe(false)
    expect(discovery.router('eth0')).toBe('fe80::1')
  })

  test('is another one when the first is silent for 30 s and has no session', () => {
    discovery.receive('eth0', from('fe80::1'), 0)
    expect(discovery.receive('eth0', from('fe80::2'), 29_999)).toBe(false)
    inUse = true
    expect(discovery.receive('eth0', from('fe80::2'), 60_000)).toBe(false)
    inUse = false
    expect(discovery.receive('eth0', from('fe80::2'), 60_001)).toBe(true)
    expect(discovery.router('eth0')).toBe('fe80::2')
  })

  test('is not ourselves, and not heard on other interfaces', () => {
    expect(discovery.receive('eth0', from('fe80::a'), 0)).toBe(false)
    expect(discovery.receive('eth1', from('fe80::1'), 0)).toBe(false)
    expect(discovery.router('eth0')).toBeUndefined()
  })

  test('stays when our address changes, and is forgotten with the link', () => {
    discovery.receive('eth0', from('fe80::1'), 0)
    discovery.up('eth0', { ...own, linkLocal: 'fe80::c' }, 1)
    expect(discovery.router('eth0')).toBe('fe80::1')
    discovery.down('eth0')
    expect(discovery.router('eth0')).toBeUndefined()
  })
})

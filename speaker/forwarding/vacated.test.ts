import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { FakeDataplane } from './fake-dataplane.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { Forwarder } from './forwarder.ts'
import { planService } from './plan.ts'
import { trace } from './trace.ts'
import { VACATED_MS, VacatedAddresses } from './vacated.ts'

let clock: TestClock
let plane: FakeDataplane
let forwarder: Forwarder

const VIP = '203.0.113.1'
const EXTERNAL = '198.51.100.1'
const SIX = '2001:db8::1'

const start = async () => {
  forwarder = new Forwarder({ dataplane: plane, clock, config: testConfig, log: silentLogger })
  forwarder.start()
  forwarder.setNode(testNode)
}

const listed = async () => {
  forwarder.allListed()
  await clock.advance(0)
}

const set = async (name: string, text?: Parameters<typeof service>[1]) => {
  const made = text && service(name, text)
  forwarder.setService(`ns/${name}`, made, made ? [slice(name, ['10.0.0.1'])] : [])
  await clock.advance(0)
}

const vacated = () =>
  plane
    .dump()
    .filter((line) => line.includes('vacated-addresses'))
    .map((line) => line.split(' ')[3])

beforeEach(async () => {
  clock = new TestClock()
  plane = new FakeDataplane()
  await start()
  await listed()
})

test('load balancer and external addresses of a Service that is gone are kept for a minute', async () => {
  const clusterIPs = ['172.30.0.41', 'fd00:172:30::41']
  await set('s', { clusterIPs, ingress: [{ ip: VIP }, { ip: SIX }], externalIPs: [EXTERNAL] })
  expect(vacated()).toEqual([])
  const { length } = plane.transactions
  await set('s')
  expect(vacated()).toEqual([EXTERNAL, VIP, SIX])
  // No packet sees neither.
  expect(plane.transactions).toHaveLength(length + 1)
  await clock.advance(VACATED_MS - 1)
  expect(vacated()).toHaveLength(3)
  await clock.advance(1)
  expect(vacated()).toEqual([])
  expect(forwarder.view().synced).toBe(true)
})

test('each address has its own minute', async () => {
  await set('s', { ingress: [{ ip: VIP }], externalIPs: [EXTERNAL] })
  await set('s', { ingress: [{ ip: VIP }] })
  await clock.advance(20_000)
  await set('s', {})
  expect(vacated()).toEqual([EXTERNAL, VIP])
  await clock.advance(40_000)
  expect(vacated()).toEqual([VIP])
  await clock.advance(20_000)
  expect(vacated()).toEqual([])
})

test('an address that comes back, to whichever Service, or that another one has still, is none', async () => {
  await set('s', { ingress: [{ ip: VIP }] })
  await set('t', { clusterIPs: ['172.30.0.42'], ingress: [{ ip: VIP }], ports: [{ port: 81 }] })
  await set('s')
  expect(vacated()).toEqual([])
  await set('t')
  expect(vacated()).toEqual([VIP])
  await set('u', { clusterIPs: ['172.30.0.43'], externalIPs: [VIP] })
  expect(vacated()).toEqual([])
  await clock.advance(VACATED_MS)
  await set('u')
  expect(vacated()).toEqual([VIP])
})

describe('a restart', () => {
  const restart = async () => {
    await forwarder.stop()
    await start()
  }

  test('keeps what is there, for another minute', async () => {
    await set('s', { ingress: [{ ip: VIP }] })
    await set('s')
    const { length } = plane.transactions
    await restart()
    await listed()
    expect(vacated()).toEqual([VIP])
    expect(plane.transactions).toHaveLength(length)
    await clock.advance(VACATED_MS)
    expect(vacated()).toEqual([])
  })

  test('finds the addresses of Services that went meanwhile, and no ClusterIP', async () => {
    await set('s', { ingress: [{ ip: VIP }] })
    await set('t', { clusterIPs: ['172.30.0.42'], externalIPs: [EXTERNAL] })
    await restart()
    await set('t', { clusterIPs: ['172.30.0.42'], externalIPs: [EXTERNAL] })
    await listed()
    expect(vacated()).toEqual([VIP])
  })

  test('a ClusterIP is none, though its element is missing', async () => {
    await set('s', {})
    await restart()
    plane.meddle((elements) => elements[4]['cluster-ips'].clear())
    await set('s', {})
    await listed()
    expect(vacated()).toEqual([])
  })

  test('an address that came back meanwhile is none', async () => {
    await set('s', { ingress: [{ ip: VIP }] })
    await set('s')
    await restart()
    await set('s', { ingress: [{ ip: VIP }] })
    await listed()
    expect(vacated()).toEqual([])
  })
})

test('a packet from the network is refused, one of a pod or of this node goes its way', async () => {
  await set('s', { ingress: [{ ip: VIP }] })
  await set('s')
  const verdict = (source: string) => {
    const packet = { source, destination: VIP, protocol: 'TCP', port: 80 } as const
    return trace(forwarder.elements(), packet, (address) => address === '192.168.0.2').verdict
  }
  expect(verdict('192.0.2.9')).toBe('reject')
  expect(verdict('10.0.0.7')).toBe('untouched')
  expect(verdict('192.168.0.2')).toBe('untouched')
})

test('there is a bound: the oldest are forgotten', () => {
  const few = new VacatedAddresses(2)
  const plan = (...externalIPs: string[]) => planService(service('s', { externalIPs }), [], testNode)
  const all = ['198.51.100.1', '198.51.100.2', '198.51.100.3']
  few.replanned(undefined, plan(...all))
  expect(few.settle(0)).toBe(false)
  few.replanned(plan(...all), plan(all[0]))
  few.replanned(plan(all[0]), undefined)
  expect(few.settle(0)).toBe(true)
  expect(few.elements().map(({ key }) => key)).toEqual([all[2], all[0]])
  expect(few.nextAt).toBe(VACATED_MS)
})

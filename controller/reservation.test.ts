import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import { POOL_ANNOTATION } from './request.ts'
import { isManaged } from './reservation.ts'
import { ReservationWorld } from './test-reservations.ts'

let world: ReservationWorld

beforeEach(async () => {
  world = new ReservationWorld()
  await world.pool('p', { addresses: ['10.0.0.0/29', 'fd00::/125'] })
})

afterEach(() => world.stop())

const reservationWrites = () =>
  world.api.requests.filter((request) => /^(create|patch|get) addressreservations/.test(request))
const dual = { clusterIPs: ['1.2.3.4', '::1'] }

describe('the name keeps the address', () => {
  test('a Service that asks for it gets a reservation, written before the Service says that it has the address', async () => {
    await world.start()
    await world.service('web', 'web')
    const requests = world.api.requests.filter((one) => /addressreservations|services\/status/.test(one))
    expect(requests.filter((one) => !/^(list|watch)/.test(one))).toEqual([
      'create addressreservations test/web',
      'patch addressreservations/status test/web',
      'patch services/status test/web',
    ])
    expect(await world.has('web')).toBe('10.0.0.0')
    expect(await world.state('web')).toBe('10.0.0.0 Bound web')
    expect(await world.reserved('web')).toMatchObject({ pools: ['p'] })
    expect(isManaged(await world.reserved('web'))).toBe(true)
  })

  test('it survives the Service, counts as assigned, and a Service of that name gets it back', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.service('other', '')
    await world.remove('web')
    expect(await world.state('web')).toBe('10.0.0.0 Released')
    expect(await world.assigned('p')).toBe(2)
    await world.service('next', '')
    expect(await world.has('next')).toBe('10.0.0.2')
    await world.service('again', 'web')
    expect(await world.has('again')).toBe('10.0.0.0')
    expect(await world.state('web')).toBe('10.0.0.0 Bound again')
    expect(await world.assigned('p')).toBe(3)
  })

  test('it survives every controller', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.stop()
    await world.remove('web')
    await world.service('first', '')
    await world.service('web', 'web')
    world.api.requests.length = 0
    await world.start('two')
    expect(await world.has('web')).toBe('10.0.0.0')
    expect(await world.has('first')).toBe('10.0.0.1')
    await world.stop()
    world.api.requests.length = 0
    await world.start('three')
    expect(reservationWrites()).toEqual([])
  })

  test.each([
    ['type', { spec: { type: 'ClusterIP' } }],
    ['class', { spec: { loadBalancerClass: 'other' } }],
    ['annotation', { metadata: { annotations: { 'fairlead.io/reserve': null } } }],
  ])('a Service that changes its %s leaves it behind', async (_what, patch) => {
    await world.start()
    await world.service('web', 'web')
    await world.change('web', patch)
    expect(await world.state('web')).toBe('10.0.0.0 Released')
    await world.service('other', '')
    await world.service('again', 'web')
    expect(await world.has('again')).toBe('10.0.0.0')
    expect((await world.read('other')).ingress).not.toMatchObject([{ ip: '10.0.0.0' }])
  })

  test('a Service that dropped the annotation while nobody looked does not keep the address', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.stop()
    await world.reserve('web', null)
    await world.start('two')
    expect(await world.has('web')).toBe('10.0.0.1')
    expect(await world.state('web')).toBe('10.0.0.0 Released')
  })

  test('another name leads to another address', async () => {
    await world.start()
    await world.service('web', 'one')
    await world.reserve('web', 'two')
    expect(await world.has('web')).toBe('10.0.0.1')
    expect(await world.state('one')).toBe('10.0.0.0 Released')
    expect(await world.state('two')).toBe('10.0.0.1 Bound web')
    await world.reserve('web', 'one')
    expect(await world.has('web')).toBe('10.0.0.0')
  })

  test('deleting the reservation frees its addresses, and who waits gets them', async () => {
    await world.pool('p', { addresses: ['10.0.0.0/32'] })
    await world.start()
    await world.service('web', 'web')
    await world.remove('web')
    await world.service('other', '')
    expect(await world.has('other')).toBe('PoolExhausted: no available IPs: p has no free address')
    await world.service('explicit', '', { spec: { loadBalancerIP: '10.0.0.0' } })
    expect(await world.has('explicit')).toBe(
      'RequestedAddressInUse: address "10.0.0.0" is kept by AddressReservation test/web',
    )
    await world.removeReservation('web')
    expect(await world.has('other')).toBe('10.0.0.0')
  })

  test('one that is deleted while a Service has it comes again', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.removeReservation('web')
    expect(await world.has('web')).toBe('10.0.0.0')
    expect(await world.state('web')).toBe('10.0.0.0 Bound web')
  })
})

describe('two Services of one name', () => {
  test('the first holds it, the other waits and gets it when the first goes', async () => {
    await world.start()
    await world.service('a', 'web')
    await world.service('b', 'web')
    expect(await world.has('b')).toBe(
      'ReservationInUse: AddressReservation test/web is held by Service test/a',
    )
    await world.remove('a')
    expect(await world.has('b')).toBe('10.0.0.0')
    expect(await world.state('web')).toBe('10.0.0.0 Bound b')
  })

  test('of several that wait the oldest is next, however long the others wait', async () => {
    await world.start()
    await world.service('old', '')
    await world.service('a', 'web')
    await world.service('young', 'web')
    await world.reserve('old', 'web')
    expect(await world.has('old')).toBe(
      '10.0.0.0 ReservationInUse: 10.0.0.0 from pool p; AddressReservation test/web is held by Service test/a',
    )
    await world.remove('a')
    expect(await world.has('old')).toBe('10.0.0.1')
    expect(await world.has('young')).toMatch(/^ReservationInUse/)
  })

  test('the name is one of the namespace', async () => {
    await world.start()
    await world.service('a', 'web')
    await world.service('b', 'web', {
      namespace: 'elsewhere',
      annotations: { 'fairlead.io/reserve': 'web' },
    })
    expect(await world.state('web', 'elsewhere')).toBe('10.0.0.1 Bound b')
  })

  test('sharing goes by the keys, reserved or not', async () => {
    await world.start()
    const shared = (port: number, more: object) => ({
      annotations: { 'metallb.io/allow-shared-ip': 'k', ...more },
      spec: { ports: [{ port, protocol: 'TCP' }] },
    })
    await world.service('a', '', shared(80, { 'fairlead.io/reserve': 'web' }))
    await world.service('b', '', shared(443, {}))
    expect(await world.has('b')).toBe('10.0.0.0')
    await world.remove('a')
    expect(await world.state('web')).toBe(
      '10.0.0.0 Released AddressInUse: "10.0.0.0" is in use by Service test/b',
    )
    await world.service('again', '', shared(80, { 'fairlead.io/reserve': 'web' }))
    expect(await world.has('again')).toBe('10.0.0.0')
  })
})

describe('a reservation made by hand', () => {
  test('keeps its addresses for the name, and its spec as it was written', async () => {
    await world.reservation('web', ['FD00::5', '10.0.0.5'])
    await world.start()
    expect(await world.assigned('p')).toBe(1)
    await world.service('web', 'web', {
      spec: { ...dual, ipFamilyPolicy: 'RequireDualStack' },
      annotations: { 'fairlead.io/reserve': 'web' },
    })
    expect(await world.has('web')).toBe('10.0.0.5 fd00::5')
    expect(await world.state('web')).toBe('FD00::5 10.0.0.5 Bound web')
  })

  test('of one family leaves the other to chance', async () => {
    await world.reservation('web', ['10.0.0.5'])
    await world.start()
    const require = { ...dual, ipFamilyPolicy: 'RequireDualStack' }
    await world.service('web', 'web', { spec: require })
    expect(await world.has('web')).toBe('10.0.0.5 fd00::')
    expect(await world.state('web')).toBe('10.0.0.5 Bound web')
  })

  test('may come later: the Service moves to it', async () => {
    await world.start()
    await world.reservation('web', ['10.0.0.5'])
    await world.service('web', '')
    await world.reserve('web', 'web')
    expect(await world.has('web')).toBe('10.0.0.5')
    await world.api.patch(
      resources.addressReservations,
      { namespace: 'test', name: 'web' },
      { spec: { addresses: ['10.0.0.6'] } },
      { type: 'merge' },
    )
    await world.clock.advance(20)
    expect(await world.has('web')).toBe('10.0.0.6')
    expect(await world.state('web')).toBe('10.0.0.6 Bound web')
  })

  test('takes nothing away from who has the address already', async () => {
    await world.start()
    await world.service('other', '')
    await world.reservation('web', ['10.0.0.0'])
    expect(await world.has('other')).toBe('10.0.0.0')
    const inUse = '10.0.0.0 Released AddressInUse: "10.0.0.0" is in use by Service test/other'
    expect(await world.state('web')).toBe(inUse)
    await world.service('web', 'web')
    expect(await world.has('web')).toBe(
      'ReservationInUse: AddressReservation test/web: can\'t change sharing key for "test/web", address also in use by test/other',
    )
    await world.stop()
    await world.start('two')
    expect(await world.has('other')).toBe('10.0.0.0')
    await world.remove('other')
    expect(await world.has('web')).toBe('10.0.0.0')
    expect(await world.state('web')).toBe('10.0.0.0 Bound web')
  })

  test('of two for one address the older one counts', async () => {
    await world.start()
    await world.reservation('a', ['10.0.0.3'])
    await world.clock.advance(1000)
    await world.reservation('b', ['10.0.0.3'])
    expect(await world.state('b')).toBe(
      '10.0.0.3 Released AlreadyReserved: "10.0.0.3" is kept by AddressReservation test/a',
    )
    await world.removeReservation('a')
    expect(await world.state('b')).toBe('10.0.0.3 Released')
  })

  test.each([
    [['10.9.9.9'], 'NotInPool: "10.9.9.9" is in no pool'],
    [['10.0.0.x'], 'Invalid: spec.addresses[0]: invalid IP address "10.0.0.x"'],
    [['fe80::1%eth0'], 'Invalid: spec.addresses[0]: invalid IP address "fe80::1%eth0"'],
    [['10.0.0.1', '10.0.0.2'], 'Invalid: spec.addresses[1]: "10.0.0.2" is the second address of its family'],
    [[], 'Invalid: spec.addresses: there is no address'],
    [['10.1.0.1'], 'Excluded: "10.1.0.1": pool q excludes it'],
    [['10.2.0.1'], 'PoolNotCompatible: pool r is not for this namespace'],
  ])('of %j says what is wrong', async (addresses, wrong) => {
    await world.pool('q', { addresses: ['10.1.0.0/24'], excludes: ['10.1.0.1'] })
    await world.pool('r', { addresses: ['10.2.0.0/24'], serviceAllocation: { namespaces: ['theirs'] } })
    await world.reservation('web', addresses)
    await world.start()
    expect(await world.state('web')).toBe([...addresses, 'Released', wrong].join(' '))
    await world.service('web', 'web')
    expect(await world.has('web')).toMatch(/^ReservationMismatch: AddressReservation test\/web/)
  })

  test('that does not fit in family says so, and ends to matter when it is gone', async () => {
    await world.reservation('web', ['10.0.0.5'])
    await world.start()
    await world.service('web', 'web', { spec: { clusterIPs: ['::1'] } })
    expect(await world.has('web')).toBe(
      'ReservationMismatch: AddressReservation test/web keeps ["10.0.0.5"], which does not match the ipFamily of the service',
    )
    await world.removeReservation('web')
    expect(await world.has('web')).toBe('fd00::')
    expect(await world.state('web')).toBe('fd00:: Bound web')
  })

  test('is not for another pool or address that the Service asks for', async () => {
    await world.pool('q', { addresses: ['10.1.0.0/24'] })
    await world.reservation('web', ['10.0.0.5'])
    await world.start()
    const annotations = { 'fairlead.io/reserve': 'web', 'metallb.io/address-pool': 'q' }
    await world.service('a', '', { annotations })
    expect(await world.has('a')).toBe(
      'ReservationMismatch: AddressReservation test/web keeps ["10.0.0.5"], which is not from the requested pool q',
    )
    await world.service('b', 'web', { spec: { loadBalancerIP: '10.0.0.6' } })
    expect(await world.has('b')).toBe(
      'ReservationMismatch: AddressReservation test/web keeps ["10.0.0.5"], but the Service asks for ["10.0.0.6"]',
    )
    await world.service('c', 'web', { spec: { loadBalancerIP: '10.0.0.5' } })
    expect(await world.has('c')).toBe('10.0.0.5')
  })

  test('does not block a pool that is not for its namespace', async () => {
    await world.pool('r', { addresses: ['10.2.0.1/32'], serviceAllocation: { namespaces: ['theirs'] } })
    await world.reservation('web', ['10.2.0.1'])
    await world.start()
    await world.service('web', '', { namespace: 'theirs' })
    const service = await world.api.get(resources.services, { namespace: 'theirs', name: 'web' })
    expect(service).toMatchObject({ status: { loadBalancer: { ingress: [{ ip: '10.2.0.1' }] } } })
  })
})

describe('the configuration goes before the reservation', () => {
  test('a Service loses an address that no pool has any more, and gets it back with the pool', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.pool('p', { addresses: ['10.0.0.4/30'] })
    expect(await world.has('web')).toBe(
      'ReservationMismatch: AddressReservation test/web: ["10.0.0.0"] is not allowed in config',
    )
    expect(await world.state('web')).toBe('10.0.0.0 Released NotInPool: "10.0.0.0" is in no pool')
    await world.pool('p', { addresses: ['10.0.0.0/29'] })
    expect(await world.has('web')).toBe('10.0.0.0')
    expect(await world.state('web')).toBe('10.0.0.0 Bound web')
  })

  test('a pool of another name is as good, and is noted', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.api.delete(resources.ipAddressPools, { namespace: 'metallb-system', name: 'p' })
    await world.api.create(resources.ipAddressPools, {
      metadata: { namespace: 'metallb-system', name: 'renamed' },
      spec: { addresses: ['10.0.0.0/30'] },
    } as KubeObject)
    await world.clock.advance(20)
    expect(await world.has('web')).toBe('10.0.0.0')
    expect((await world.read('web')).annotations[POOL_ANNOTATION]).toBe('renamed')
    expect((await world.reserved('web')).pools).toEqual(['renamed'])
  })

  test('labels of a namespace decide whether its reservation counts', async () => {
    const label = async (team: string) => {
      const patch = { metadata: { labels: { team } } }
      await world.api.patch(resources.namespaces, { name: 'test' }, patch, { type: 'merge' })
      await world.clock.advance(20)
    }
    await world.api.create(resources.namespaces, { metadata: { name: 'test', labels: { team: 'a' } } })
    await world.pool('r', {
      addresses: ['10.2.0.0/30'],
      serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: 'b' } }] },
    })
    await world.reservation('web', ['10.2.0.1'])
    await world.start()
    expect(await world.assigned('r')).toBe(0)
    await label('b')
    expect(await world.assigned('r')).toBe(1)
    expect(await world.state('web')).toBe('10.2.0.1 Released')
    await label('a')
    expect(await world.assigned('r')).toBe(0)
  })
})

describe('when things go wrong', () => {
  test('a topped-up Service has both addresses reserved', async () => {
    await world.pool('p', { addresses: ['10.0.0.0/29'] })
    await world.start()
    await world.service('web', 'web', { spec: { ...dual, ipFamilyPolicy: 'PreferDualStack' } })
    expect(await world.state('web')).toBe('10.0.0.0 Bound web')
    await world.pool('six', { addresses: ['fd00::/127'] })
    expect(await world.has('web')).toBe('10.0.0.0 fd00::')
    expect(await world.state('web')).toBe('10.0.0.0 fd00:: Bound web')
    expect((await world.reserved('web')).pools).toEqual(['p', 'six'])
    expect((await world.read('web')).annotations[POOL_ANNOTATION]).toBe('p,six')
  })

  test('a reflector that is behind frees nothing', async () => {
    await world.start()
    await world.service('web', 'web')
    await world.stop()
    await world.remove('web')
    const hidden = new KubeError('FL_KUBE_UNREACHABLE', 'slow')
    let listed = false
    // The watch of the new leader sees an empty cluster; its own list sees the reservation.
    world.api.fail = (verb, resource) => {
      if (resource.plural !== 'addressreservations') return undefined
      if (verb === 'watch' && listed) return hidden
      if (verb === 'list') listed = true
      return undefined
    }
    await world.start('two')
    await world.service('other', '')
    expect(await world.has('other')).toBe('10.0.0.1')
  })

  test('nothing is given before the reservations are listed', async () => {
    await world.service('web', '')
    world.api.fail = (_verb, resource) =>
      resource.plural === 'addressreservations' ? new KubeError('FL_KUBE_SERVER', 'not yet') : undefined
    const controller = await world.start()
    await world.clock.advance(5000)
    expect(controller.ready()).toEqual({
      ok: false,
      reason: 'waiting for the first list of addressreservations',
    })
    expect((await world.read('web')).ingress).toEqual([])
    world.api.fail = undefined
    await world.clock.advance(40_000)
    expect(await world.has('web')).toBe('10.0.0.0')
  })

  test('an object of that name that came in between is respected', async () => {
    await world.start()
    let made = false
    world.api.fail = (verb, resource) => {
      if (verb !== 'create' || resource.plural !== 'addressreservations' || made) return undefined
      made = true
      void world.api.create(resources.addressReservations, {
        metadata: { namespace: 'test', name: 'web' },
        spec: { addresses: ['10.0.0.7'] },
      } as KubeObject)
      return undefined
    }
    await world.service('web', 'web')
    expect(await world.has('web')).toBe('10.0.0.7')
    expect(await world.state('web')).toBe('10.0.0.7 Bound web')
    await world.service('other', '')
    expect(await world.has('other')).toBe('10.0.0.0')
  })

  test('a Service does not say that it has an address before the reservation is written', async () => {
    await world.start()
    world.api.fail = (verb, resource) =>
      verb === 'create' && resource.plural === 'addressreservations'
        ? new KubeError('FL_KUBE_FORBIDDEN', 'no')
        : undefined
    await world.service('web', 'web')
    expect((await world.read('web')).ingress).toEqual([])
    world.api.fail = undefined
    await world.clock.advance(5000)
    expect(await world.has('web')).toBe('10.0.0.0')
  })

  test('a name that no object can have takes nothing away', async () => {
    await world.start()
    await world.service('web', '')
    await world.reserve('web', 'Not_A_Name')
    expect((await world.read('web')).ingress).toMatchObject([{ ip: '10.0.0.0' }])
    const [condition] = (await world.read('web')).conditions
    expect(condition.message).toBe('10.0.0.0 from pool p; invalid reservation name "Not_A_Name"')
  })
})

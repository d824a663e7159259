import { expect, test } from 'vitest'
import { parseConfig, type ConfigObjects } from '#crds/parse.ts'
import { parseReservation } from '#crds/parse/reservation.ts'
import { POOL_ANNOTATION } from './request.ts'
import { simulateRequest, type Present } from './simulate-request.ts'
import { ingress, service } from './test-services.ts'

const namespace = 'metallb-system'
const pool = (name: string, addresses: string[], more: object = {}) => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name, namespace, ...more },
  spec: { addresses },
})

const objects: ConfigObjects = {
  pools: [pool('a', ['10.0.0.0/30'], { creationTimestamp: '2026-01-01T00:00:00Z' })],
  l2Advertisements: [],
  bgpAdvertisements: [],
  peers: [],
  bfdProfiles: [],
  communities: [],
}

const web = service('web', { annotations: { [POOL_ANNOTATION]: 'a' }, status: ingress('10.0.0.1') })

const present = (more: Partial<Present> = {}): Present => ({
  objects,
  now: parseConfig(objects),
  namespace,
  services: [web],
  namespaces: [],
  loadBalancerClass: '',
  ...more,
})

test('an edit in place of what is there, a new object beside it', () => {
  const edited = simulateRequest({ apply: [pool('a', ['10.0.1.0/30'])], delete: [] }, present())
  expect(edited).toMatchObject({
    moves: [{ service: 'test/web', from: ['10.0.0.1'], to: ['10.0.1.0'], fromPool: 'a', toPool: 'a' }],
    loses: [],
    gains: [],
    unchanged: 0,
    problems: [],
    ignored: [],
  })
  const added = simulateRequest({ apply: [pool('b', ['10.0.1.0/30'])], delete: [] }, present())
  expect(added).toMatchObject({ moves: [], unchanged: 1 })
})

test.each(['ipaddresspool/a', 'IPAddressPool/a', `ipaddresspools/${namespace}/a`])('deletes %s', (text) => {
  const { loses } = simulateRequest({ apply: [], delete: [text] }, present())
  expect(loses).toMatchObject([
    {
      service: 'test/web',
      from: ['10.0.0.1'],
      to: [],
      why: expect.stringMatching(/^pool a is gone; NoPools/),
    },
  ])
})

test('what would be refused is said, and changes nothing; a newcomer displaces nobody', () => {
  const answer = simulateRequest(
    { apply: [pool('aa', ['10.0.0.0/24']), pool('a', ['x'])], delete: [] },
    present(),
  )
  expect(answer).toMatchObject({ moves: [], loses: [], unchanged: 1 })
  expect(answer.problems.map(({ name, code }) => `${name} ${code}`)).toEqual([
    'a FL_POOL_ADDRESS',
    'aa FL_POOL_OVERLAP',
  ])
})

test('what makes no difference is named', () => {
  const other = { ...pool('a', ['10.0.1.0/30']), metadata: { name: 'a', namespace: 'default' } }
  const { ignored, unchanged } = simulateRequest(
    {
      apply: [{ kind: 'Deployment', metadata: { name: 'd' } }, other, null, { kind: 'IPAddressPool' }, 7],
      delete: ['pod/x', 'ipaddresspool/none', 'nonsense'],
    },
    present(),
  )
  expect(unchanged).toBe(1)
  expect(ignored.map(({ object, why }) => `${object}: ${why}`)).toEqual([
    'Deployment/d: this kind decides nothing about addresses',
    'IPAddressPool/default/a: configuration is read in namespace metallb-system only',
    'undefined: an object needs a kind and metadata.name',
    'IPAddressPool: an object needs a kind and metadata.name',
    'undefined: an object needs a kind and metadata.name',
    'pod/x: this kind decides nothing about addresses',
    'ipaddresspool/none: there is no such object',
    'nonsense: write KIND/NAME or KIND/NAMESPACE/NAME',
  ])
})

test('a reservation keeps an address from those who do not name it', () => {
  const reservation = {
    kind: 'AddressReservation',
    metadata: { name: 'r', namespace: 'test' },
    spec: { addresses: ['10.0.0.0'] },
  }
  const now = { ...parseConfig(objects), reservations: [parseReservation(reservation)] }
  const waits = service('waits', { annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.0' } })
  const services = [web, waits]
  expect(
    simulateRequest({ apply: [], delete: ['addressreservation/test/r'] }, present({ now, services })),
  ).toMatchObject({ gains: [{ service: 'test/waits', to: ['10.0.0.0'] }], unchanged: 1 })
  const moved = { ...reservation, spec: { addresses: ['10.0.0.2'] } }
  expect(simulateRequest({ apply: [moved], delete: [] }, present({ now, services }))).toMatchObject({
    gains: [{ service: 'test/waits', to: ['10.0.0.0'] }],
    unchanged: 1,
  })
})

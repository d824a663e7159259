import { expect, test } from 'vitest'
import { parseConfig } from '#crds/parse.ts'
import { noObjects } from '#crds/test-objects.ts'
import { convertPeer, convertReview } from './conversion.ts'

const V1 = 'metallb.io/v1beta1'
const V2 = 'metallb.io/v1beta2'
const metadata = { name: 'router', namespace: 'metallb-system', uid: 'u', labels: { a: 'b' } }
const old = {
  apiVersion: V1,
  kind: 'BGPPeer',
  metadata,
  spec: {
    myASN: 42,
    peerASN: 142,
    peerAddress: '1.2.3.4',
    sourceAddress: '1.2.3.1',
    peerPort: 1179,
    holdTime: '180s',
    keepaliveTime: '60s',
    routerID: '10.20.30.40',
    nodeSelectors: [
      { matchLabels: { foo: 'bar' }, matchExpressions: [{ key: 'k', operator: 'In', values: ['a', 'b'] }] },
    ],
    password: 'x',
    bfdProfile: 'fast',
    ebgpMultiHop: true,
  },
}

test('v1beta1 becomes v1beta2 and back without a loss', () => {
  const converted = convertPeer(old, V2)
  expect(converted).toEqual({ ...old, apiVersion: V2 })
  expect(convertPeer(converted, V1)).toEqual(old)
})

test('what is converted is what the parser takes', () => {
  const { config, problems } = parseConfig({ ...noObjects, peers: [convertPeer(old, V2) as never] })
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(config.peers).toMatchObject([{ name: 'router', holdTime: 180_000, ebgpMultiHop: true }])
})

test('absent timers stay absent and port 0 is the default', () => {
  const { holdTime: _hold, keepaliveTime: _keepalive, ...spec } = old.spec
  expect(convertPeer({ ...old, spec: { ...spec, peerPort: 0 } }, V2)).not.toHaveProperty('spec.holdTime')
  expect(convertPeer({ ...old, spec: { ...spec, peerPort: 0 } }, V2)).not.toHaveProperty('spec.peerPort')
})

test('newer fields are dropped on the way back, and every term has values', () => {
  const spec = {
    myASN: 42,
    peerASN: 142,
    peerAddress: '1.2.3.4',
    vrf: 'red',
    connectTime: '10s',
    passwordSecret: { name: 's' },
    nodeSelectors: [{ matchExpressions: [{ key: 'k', operator: 'Exists' }] }],
  }
  expect(convertPeer({ apiVersion: V2, kind: 'BGPPeer', metadata, spec }, V1)).toEqual({
    apiVersion: V1,
    kind: 'BGPPeer',
    metadata,
    spec: {
      myASN: 42,
      peerASN: 142,
      peerAddress: '1.2.3.4',
      nodeSelectors: [{ matchExpressions: [{ key: 'k', operator: 'Exists', values: [] }] }],
    },
  })
})

const review = (objects: unknown[], desiredAPIVersion = V2) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'ConversionReview',
  request: { uid: 'r', desiredAPIVersion, objects },
})

test('a review is answered in order, those of the wanted version as they are', () => {
  const present = { ...old, apiVersion: V2 }
  expect(convertReview(review([old, present]))).toEqual({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    response: { uid: 'r', result: { status: 'Success' }, convertedObjects: [present, present] },
  })
})

test.each([
  ['another kind', [{ ...old, kind: 'IPAddressPool' }], V2],
  ['another version', [old], 'metallb.io/v1'],
  ['no object', [5], V2],
])('%s fails, and says why', (_what, objects, version) => {
  expect(convertReview(review(objects, version))).toMatchObject({
    response: { uid: 'r', result: { status: 'Failure', message: expect.stringContaining('BGPPeer') } },
  })
})

test.each([
  [undefined],
  [{}],
  [{ ...review([old]), kind: 'AdmissionReview' }],
  [{ ...review([]), request: {} }],
])('what is no review is told so: %j', (body) => {
  expect(convertReview(body)).toEqual(expect.any(String))
})

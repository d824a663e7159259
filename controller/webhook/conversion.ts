import { isRecord } from '#crds/parse/fields.ts'

type Json = Readonly<Record<string, unknown>>

const GROUP = 'metallb.io/'
const CONVERSION = 'apiextensions.k8s.io/v1'

/** The fields that BGPPeer had in v1beta1; all of them have the same name in v1beta2. */
const V1BETA1_FIELDS: ReadonlySet<string> = new Set([
  'myASN',
  'peerASN',
  'peerAddress',
  'sourceAddress',
  'peerPort',
  'holdTime',
  'keepaliveTime',
  'routerID',
  'nodeSelectors',
  'password',
  'bfdProfile',
  'ebgpMultiHop',
])

/**
 * Answers a ConversionReview (apiextensions.k8s.io/v1) for BGPPeers. Our own CRD needs no webhook to convert (strategy
 * None does the same); this is for clusters where MetalLB's CRD stays, which names the path `/convert`.
 * @returns the answer, or why the body is no ConversionReview
 */
export function convertReview(body: unknown): object | string {
  const review = isRecord(body) ? body : {}
  const { request } = review
  if (review['kind'] !== 'ConversionReview' || review['apiVersion'] !== CONVERSION || !isRecord(request))
    return `the body is no ConversionReview of ${CONVERSION}`
  const { uid, desiredAPIVersion, objects } = request
  if (typeof uid !== 'string' || typeof desiredAPIVersion !== 'string' || !Array.isArray(objects))
    return 'the request has no uid, no desiredAPIVersion or no objects'
  const converted = objects.map((object: unknown) => convertPeer(object, desiredAPIVersion))
  const failure = converted.find((one) => typeof one === 'string')
  const response =
    failure === undefined
      ? { uid, result: { status: 'Success' }, convertedObjects: converted }
      : { uid, result: { status: 'Failure', message: failure }, convertedObjects: [] }
  return { apiVersion: CONVERSION, kind: 'ConversionReview', response }
}

/** The same BGPPeer in another version, or why there is none. */
export function convertPeer(object: unknown, apiVersion: string): Json | string {
  if (!isRecord(object) || object['kind'] !== 'BGPPeer') return 'only BGPPeer is converted here'
  if (object['apiVersion'] === apiVersion) return object
  const spec = isRecord(object['spec']) ? object['spec'] : {}
  switch (`${String(object['apiVersion'])} ${apiVersion}`) {
    case `${GROUP}v1beta1 ${GROUP}v1beta2`:
      return { ...object, apiVersion, spec: toV1beta2(spec) }
    case `${GROUP}v1beta2 ${GROUP}v1beta1`:
      return { ...object, apiVersion, spec: toV1beta1(spec) }
    default:
      return `BGPPeer cannot be converted from ${String(object['apiVersion'])} to ${apiVersion}`
  }
}

/** An absent hold time stays absent. Upstream makes it 0, which is "never expires". */
function toV1beta2(spec: Json): Json {
  const { peerPort, ...same } = spec
  // v1beta1 allows 0, which means the default.
  return { ...same, ...(peerPort === undefined || peerPort === 0 ? {} : { peerPort }) }
}

/** What v1beta1 has no name for is left out, as upstream does. */
function toV1beta1(spec: Json): Json {
  const known = Object.entries(spec).filter(([name]) => V1BETA1_FIELDS.has(name))
  const { nodeSelectors, ...same } = Object.fromEntries(known)
  if (!Array.isArray(nodeSelectors)) return same
  return { ...same, nodeSelectors: nodeSelectors.map(toLegacySelector) }
}

/** v1beta1 wants a list of values in every term. */
function toLegacySelector(selector: unknown): unknown {
  if (!isRecord(selector) || !Array.isArray(selector['matchExpressions'])) return selector
  const matchExpressions = selector['matchExpressions'].map((term: unknown) =>
    isRecord(term) ? { ...term, values: term['values'] ?? [] } : term,
  )
  return { ...selector, matchExpressions }
}

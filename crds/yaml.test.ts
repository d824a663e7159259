import { readdirSync, readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type {
  AddressReservationSpec,
  AddressReservationStatus,
  BFDProfileSpec,
  BGPAdvertisementSpec,
  BGPPeerSpec,
  CommunitySpec,
  ConfigurationStateStatus,
  IPAddressPoolSpec,
  IPAddressPoolStatus,
  L2AdvertisementSpec,
  ServiceBGPStatusStatus,
  ServiceL2StatusStatus,
  SpeakerStatusStatus,
} from './objects.ts'
import { parseReservation } from './parse/reservation.ts'
import { parseConfig, type ConfigObjects, type RawObject } from './parse.ts'
import { noObjects, raw } from './test-objects.ts'

interface Schema {
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
}
interface Crd {
  spec: {
    group: string
    scope: string
    names: { kind: string; plural: string; singular: string; listKind: string; shortNames?: string[] }
    versions: {
      name: string
      served: boolean
      storage: boolean
      deprecated?: boolean
      subresources: object
      schema: { openAPIV3Schema: Schema & { properties: { spec?: Schema; status?: Schema } } }
    }[]
  }
  metadata: { name: string }
}
type Example = RawObject & { apiVersion: string; kind: string }

const files = (folder: string) => {
  const url = new URL(`./${folder}/`, import.meta.url)
  return readdirSync(url).map((file) => ({ file, text: readFileSync(new URL(file, url), 'utf8') }))
}
const crds = files('yaml').map(({ text }) => parseAllDocuments(text)[0].toJS() as Crd)
const examples = files('examples').map(({ file, text }) => ({
  file,
  objects: parseAllDocuments(text).map((document) => document.toJS() as Example),
}))

const sections: Record<string, keyof ConfigObjects> = {
  IPAddressPool: 'pools',
  L2Advertisement: 'l2Advertisements',
  BGPAdvertisement: 'bgpAdvertisements',
  BGPPeer: 'peers',
  BFDProfile: 'bfdProfiles',
  Community: 'communities',
}

const ajv = new Ajv({ strict: false, validateFormats: false })
const validators = new Map<string, ValidateFunction>(
  crds.flatMap(({ spec }) =>
    spec.versions.map((version): [string, ValidateFunction] => [
      `${spec.group}/${version.name} ${spec.names.kind}`,
      ajv.compile(version.schema.openAPIV3Schema),
    ]),
  ),
)

test.each(crds.map((crd) => [crd.metadata.name, crd] as const))(
  '%s is named as the API server wants it',
  (name, crd) => {
    const { group, names, versions } = crd.spec
    expect(name).toBe(`${names.plural}.${group}`)
    expect(names.listKind).toBe(`${names.kind}List`)
    expect(versions.filter((version) => version.storage)).toHaveLength(1)
    expect(versions.every((version) => version.served && 'status' in version.subresources)).toBe(true)
  },
)

test.each(examples)('$file fits the schemas and the parser', ({ objects }) => {
  const sorted: Record<keyof ConfigObjects, RawObject[]> = structuredClone(noObjects) as never
  for (const object of objects) {
    const validate = validators.get(`${object.apiVersion} ${object.kind}`) as ValidateFunction
    expect(validate(object), ajv.errorsText(validate.errors)).toBe(true)
    if (object.kind === 'AddressReservation') {
      expect(parseReservation(object).invalid).toBe('')
      continue
    }
    sorted[sections[object.kind]].push(object)
  }
  const { config, problems } = parseConfig(sorted)
  expect(problems).toEqual([])
  for (const section of ['pools', 'l2Advertisements', 'bgpAdvertisements', 'peers', 'bfdProfiles'] as const) {
    expect(config[section].map(({ name }) => name)).toEqual(
      sorted[section].map(({ metadata }) => metadata.name).sort(),
    )
  }
})

/** One value for everything that a schema describes. */
function sample(schema: Schema): unknown {
  if (schema.items) return [sample(schema.items)]
  if (schema.properties)
    return Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, sample(one)]))
  return schema.type === 'object' ? {} : schema.type === 'boolean' ? true : schema.type === 'string' ? 'x' : 1
}

test.each(Object.entries(sections))('the parser knows every field of %s', (kind, section) => {
  for (const { schema } of crds.find((crd) => crd.spec.names.kind === kind)?.spec.versions ?? []) {
    const spec = sample(schema.openAPIV3Schema.properties.spec as Schema)
    const { problems } = parseConfig({ ...noObjects, [section]: [raw('one', spec)] })
    expect(problems.filter(({ code }) => code === 'FL_CRD_UNKNOWN_FIELD')).toEqual([])
    expect(problems.filter(({ code }) => code === 'FL_CRD_TYPE')).toEqual([])
  }
})

/** The fields of a type, checked by the compiler to be all of them. */
const fieldsOf = <T>(fields: Record<keyof T, true>): string[] => Object.keys(fields).sort()

const pools = { ipAddressPools: true, ipAddressPoolSelectors: true } as const
const owner = { node: true, serviceName: true, serviceNamespace: true } as const

test.each([
  [
    'IPAddressPool',
    'spec',
    fieldsOf<IPAddressPoolSpec>({
      addresses: true,
      excludes: true,
      autoAssign: true,
      avoidBuggyIPs: true,
      serviceAllocation: true,
    }),
  ],
  [
    'IPAddressPool',
    'status',
    fieldsOf<IPAddressPoolStatus>({
      assignedIPv4: true,
      assignedIPv6: true,
      availableIPv4: true,
      availableIPv6: true,
      conditions: true,
    }),
  ],
  [
    'L2Advertisement',
    'spec',
    fieldsOf<L2AdvertisementSpec>({
      ...pools,
      nodeSelectors: true,
      serviceSelectors: true,
      interfaces: true,
      preferredNodeSelectors: true,
    }),
  ],
  [
    'BGPAdvertisement',
    'spec',
    fieldsOf<BGPAdvertisementSpec>({
      ...pools,
      nodeSelectors: true,
      serviceSelectors: true,
      aggregationLength: true,
      aggregationLengthV6: true,
      localPref: true,
      med: true,
      asPathPrepend: true,
      linkBandwidth: true,
      communities: true,
      peers: true,
    }),
  ],
  [
    'BGPPeer',
    'spec',
    fieldsOf<BGPPeerSpec>({
      myASN: true,
      peerASN: true,
      dynamicASN: true,
      localASN: true,
      peerAddress: true,
      interface: true,
      sourceAddress: true,
      peerPort: true,
      holdTime: true,
      keepaliveTime: true,
      connectTime: true,
      routerID: true,
      nodeSelectors: true,
      password: true,
      passwordSecret: true,
      bfdProfile: true,
      enableGracefulRestart: true,
      ebgpMultiHop: true,
      vrf: true,
      disableMP: true,
      dualStackAddressFamily: true,
      ttlSecurity: true,
      listen: true,
      role: true,
      strictRole: true,
    }),
  ],
  [
    'BFDProfile',
    'spec',
    fieldsOf<BFDProfileSpec>({
      receiveInterval: true,
      transmitInterval: true,
      detectMultiplier: true,
      echoInterval: true,
      echoMode: true,
      passiveMode: true,
      minimumTtl: true,
    }),
  ],
  ['Community', 'spec', fieldsOf<CommunitySpec>({ communities: true })],
  ['ServiceL2Status', 'status', fieldsOf<ServiceL2StatusStatus>({ ...owner, interfaces: true })],
  ['ServiceBGPStatus', 'status', fieldsOf<ServiceBGPStatusStatus>({ ...owner, peers: true })],
  [
    'ConfigurationState',
    'status',
    fieldsOf<ConfigurationStateStatus>({ result: true, errorSummary: true, conditions: true }),
  ],
  ['AddressReservation', 'spec', fieldsOf<AddressReservationSpec>({ addresses: true, pools: true })],
  [
    'AddressReservation',
    'status',
    fieldsOf<AddressReservationStatus>({ service: true, phase: true, conditions: true }),
  ],
  [
    'SpeakerStatus',
    'status',
    fieldsOf<SpeakerStatusStatus>({
      node: true,
      interfaces: true,
      sessions: true,
      sessionsUp: true,
      firstError: true,
      heldAddresses: true,
      held: true,
      problems: true,
      neighbors: true,
      unreachable: true,
      forwarding: true,
      conditions: true,
    }),
  ],
] as const)('the type of %s %s has the fields of the schema', (kind, part, fields) => {
  const versions = crds.find((crd) => crd.spec.names.kind === kind)?.spec.versions ?? []
  const stored = versions.find((version) => version.storage)
  expect(Object.keys(stored?.schema.openAPIV3Schema.properties[part]?.properties ?? {}).sort()).toEqual(
    fields,
  )
})

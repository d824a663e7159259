import type { L2Advertisement, BgpAdvertisement } from '../config.ts'
import type { LabelSelector } from '../selector.ts'
import { parseBandwidth } from './bandwidth.ts'
import { parseCommunity } from './community.ts'
import type { Fields, Located } from './fields.ts'
import type { Metadata } from './metadata.ts'
import { readSelector, readSelectors } from './selector.ts'

/** Which pools an advertisement is for, as written: resolve.ts turns it into names of pools in force. */
export interface PoolSelection {
  readonly poolNames: readonly Located<string>[]
  readonly poolSelectors: readonly LabelSelector[]
}

export interface L2Draft extends PoolSelection {
  readonly advertisement: Omit<L2Advertisement, 'pools'>
}

export interface BgpDraft extends PoolSelection {
  readonly advertisement: Omit<BgpAdvertisement, 'pools' | 'withheld' | 'communities' | 'peers'>
  readonly communities: readonly Located<string>[]
  readonly peers: readonly Located<string>[]
}

const readPoolSelection = (spec: Fields, name: string): PoolSelection => ({
  poolNames: spec.uniqueStrings('ipAddressPools'),
  poolSelectors: readSelectors(spec, 'ipAddressPoolSelectors', `failed to parse pool selector for ${name}`),
})

/** L2Advertisement by itself. */
export function parseL2Advertisement({ name }: Metadata, spec: Fields): L2Draft {
  const selection = readPoolSelection(spec, name)
  const advertisement = {
    name,
    nodeSelectors: readSelectors(spec, 'nodeSelectors', `failed to parse node selector for ${name}`),
    serviceSelectors: readSelectors(spec, 'serviceSelectors', `failed to parse service selector for ${name}`),
    interfaces: spec.strings('interfaces').map(({ value }) => value),
    preferredNodes: spec.objects('preferredNodeSelectors').map((one) => readPreference(one, name)),
  }
  spec.finish()
  return { ...selection, advertisement }
}

function readPreference(fields: Fields, advertisement: string): L2Advertisement['preferredNodes'][number] {
  const weight = fields.integer('weight', 1, 100)
  const preference = fields.object('preference')
  for (const name of ['weight', 'preference']) {
    if (!fields.has(name)) fields.error('FL_CRD_REQUIRED', name, `${name} is required`)
  }
  fields.finish()
  const context = `failed to parse preferred node selectors for ${advertisement}`
  return {
    weight: weight ?? 1,
    preference: preference === undefined ? {} : readSelector(preference, context),
  }
}

const MAX_U32 = 4_294_967_295

function readBandwidth(spec: Fields): number | undefined {
  const text = spec.string('linkBandwidth')
  if (!text) return undefined
  const bandwidth = parseBandwidth(text)
  if (bandwidth === undefined)
    spec.error(
      'FL_ADVERTISEMENT_BANDWIDTH',
      'linkBandwidth',
      `${JSON.stringify(text)} is not a bandwidth such as 1G (bits per second, more than 0)`,
    )
  return bandwidth
}

const invalidLength =
  (family: string) =>
  (value: number): string =>
    `invalid aggregation length "${value}" for ${family}`

/** BGPAdvertisement by itself. */
export function parseBgpAdvertisement({ name }: Metadata, spec: Fields): BgpDraft {
  const selection = readPoolSelection(spec, name)
  const localPref = spec.integer('localPref', 0, MAX_U32)
  const med = spec.integer('med', 0, MAX_U32)
  const asPathPrepend = spec.integer('asPathPrepend', 0, 16)
  const linkBandwidth = readBandwidth(spec)
  const advertisement = {
    name,
    aggregationLength: spec.integer('aggregationLength', 1, 32, invalidLength('IPv4')) ?? 32,
    aggregationLengthV6: spec.integer('aggregationLengthV6', 1, 128, invalidLength('IPv6')) ?? 128,
    // Zero has always meant "not set".
    ...(localPref ? { localPref } : {}),
    ...(med === undefined ? {} : { med }),
    ...(asPathPrepend ? { asPathPrepend } : {}),
    ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
    nodeSelectors: readSelectors(spec, 'nodeSelectors', `failed to parse node selector for ${name}`),
    serviceSelectors: readSelectors(spec, 'serviceSelectors', `failed to parse service selector for ${name}`),
  }
  const communities = spec.uniqueStrings('communities', 'of community')
  for (const { value, path } of communities) {
    // Without a colon it may be an alias, unless it is a number, which is a slip of the pen.
    const community = value.includes(':') || /^[0-9]*$/.test(value) ? parseCommunity(value) : undefined
    if (typeof community === 'string') spec.errorAt('FL_COMMUNITY_FORMAT', path, community)
  }
  for (const [field, length] of [['aggregationLength', 32] as const, ['aggregationLengthV6', 128] as const]) {
    if (advertisement.serviceSelectors.length > 0 && advertisement[field] !== length)
      spec.error(
        'FL_CRD_EXCLUSIVE',
        field,
        `serviceSelectors and ${field} are mutually exclusive, both cannot be set in ${name}`,
      )
  }
  const draft = { ...selection, advertisement, communities, peers: spec.uniqueStrings('peers') }
  spec.finish()
  return draft
}

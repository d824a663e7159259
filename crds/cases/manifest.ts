import type { ConfigObjects, RawObject } from '../parse.ts'

const types = {
  pools: ['ipaddresspools', 'IPAddressPool', 'v1beta1'],
  l2Advertisements: ['l2advertisements', 'L2Advertisement', 'v1beta1'],
  bgpAdvertisements: ['bgpadvertisements', 'BGPAdvertisement', 'v1beta1'],
  peers: ['bgppeers', 'BGPPeer', 'v1beta2'],
  bfdProfiles: ['bfdprofiles', 'BFDProfile', 'v1beta1'],
  communities: ['communities', 'Community', 'v1beta1'],
} as const satisfies Record<keyof ConfigObjects, readonly [string, string, string]>

/** For tests: the resource of a list of ConfigObjects. */
export function resourceOf(section: keyof ConfigObjects): {
  group: string
  version: string
  plural: string
  kind: string
  namespaced: boolean
} {
  const [plural, kind, version] = types[section]
  return { group: 'metallb.io', version, plural, kind, namespaced: true }
}

/** For tests: an object of a case as a client sends it to an API server. */
export function manifestOf(
  section: keyof ConfigObjects,
  { metadata, spec }: RawObject,
  namespace: string,
): { apiVersion: string; kind: string; metadata: { name: string; namespace: string }; spec?: unknown } {
  const { group, version, kind } = resourceOf(section)
  return {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: metadata.name, namespace },
    ...(spec === undefined ? {} : { spec }),
  }
}

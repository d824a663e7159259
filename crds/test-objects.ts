import type { ConfigObjects, RawObject } from './parse.ts'

/** For tests: an object of a name with a spec; later objects are younger. */
let serial = 0
export const raw = (name: string, spec: unknown, more: Partial<RawObject['metadata']> = {}): RawObject => ({
  metadata: {
    name,
    namespace: 'metallb-system',
    creationTimestamp: new Date(Date.UTC(2026, 0, 1) + serial++ * 1000).toISOString().replace('.000Z', 'Z'),
    ...more,
  },
  spec,
})

export const noObjects: ConfigObjects = {
  pools: [],
  l2Advertisements: [],
  bgpAdvertisements: [],
  peers: [],
  bfdProfiles: [],
  communities: [],
}

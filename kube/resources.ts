import type { Resource } from './api.ts'

const core = (plural: string, kind: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
})

const metallb = (plural: string, kind: string, version = 'v1beta1'): Resource => ({
  group: 'metallb.io',
  version,
  plural,
  kind,
  namespaced: true,
})

/** Every resource that Fairlead reads or writes; the chart's RBAC is exactly this list. */
export const resources = {
  services: core('services', 'Service'),
  nodes: core('nodes', 'Node', false),
  namespaces: core('namespaces', 'Namespace', false),
  secrets: core('secrets', 'Secret'),
  configMaps: core('configmaps', 'ConfigMap'),
  events: core('events', 'Event'),
  endpointSlices: {
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    kind: 'EndpointSlice',
    namespaced: true,
  },
  serviceCidrs: {
    group: 'networking.k8s.io',
    version: 'v1',
    plural: 'servicecidrs',
    kind: 'ServiceCIDR',
    namespaced: false,
  },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true },
  tokenReviews: {
    group: 'authentication.k8s.io',
    version: 'v1',
    plural: 'tokenreviews',
    kind: 'TokenReview',
    namespaced: false,
  },
  subjectAccessReviews: {
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
    namespaced: false,
  },
  ipAddressPools: metallb('ipaddresspools', 'IPAddressPool'),
  l2Advertisements: metallb('l2advertisements', 'L2Advertisement'),
  bgpAdvertisements: metallb('bgpadvertisements', 'BGPAdvertisement'),
  bgpPeers: metallb('bgppeers', 'BGPPeer', 'v1beta2'),
  bfdProfiles: metallb('bfdprofiles', 'BFDProfile'),
  communities: metallb('communities', 'Community'),
  serviceL2Statuses: metallb('servicel2statuses', 'ServiceL2Status'),
  serviceBgpStatuses: metallb('servicebgpstatuses', 'ServiceBGPStatus'),
  configurationStates: metallb('configurationstates', 'ConfigurationState'),
  addressReservations: {
    group: 'fairlead.io',
    version: 'v1alpha1',
    plural: 'addressreservations',
    kind: 'AddressReservation',
    namespaced: true,
  },
  speakerStatuses: {
    group: 'fairlead.io',
    version: 'v1alpha1',
    plural: 'speakerstatuses',
    kind: 'SpeakerStatus',
    namespaced: false,
  },
} as const satisfies Record<string, Resource>

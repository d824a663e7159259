import { fail, ok, unknown, type Check } from '../check.ts'
import { addressElsewhere } from './elsewhere.ts'

/** Check 9: whoever asks the network for the address must find a node. The controller gathers what the speakers say. */
export const announcedCheck: Check = {
  id: 'announced',
  question: 'Is its address announced?',
  run(evidence) {
    const elsewhere = addressElsewhere(evidence)
    if (elsewhere !== undefined) return elsewhere
    const { service } = evidence
    if (service === undefined) return unknown('there is no Service')
    const condition = service.conditions.find(({ type }) => type === 'fairlead.io/Announced')
    if (condition === undefined) return unknown('the controller has not said yet who announces it')
    const { status, reason, message } = condition
    if (status === 'True') return ok(message)
    return fail(`${reason}: ${message}`, remedies[reason] ?? OTHERWISE)
  },
}

const OTHERWISE = 'see `kubectl get speakerstatuses -o wide`, and the reasons in docs/operations.md'

const remedies: Readonly<Partial<Record<string, string>>> = {
  NoMatchingAdvertisement:
    'make an L2Advertisement or a BGPAdvertisement that names its pool, or change their selectors',
  InvalidAdvertisement: 'mend the BGPAdvertisement: the ConfigurationState says what is wrong with it',
  ConflictingAdvertisements:
    'let the BGPAdvertisements of its pool agree, or choose different nodes, Services or peers',
  NoMatchingPeer: 'let `peers` of the BGPAdvertisement name BGPPeers whose nodeSelectors match',
  NoPeerForFamily:
    'make a BGPPeer with an address of this family, or set dualStackAddressFamily on one whose router offers both',
  NoSessionUp: 'see `fairlead bgp peers` and the events of the BGPPeer',
  NoEndpoints: 'see the check of its endpoints',
  NoLocalEndpoints: 'run a pod on a node that may announce it, or set externalTrafficPolicy: Cluster',
  NoEligibleNode: 'remove what keeps the nodes from it, or let an advertisement select other nodes',
  NoSpeakerReady: 'see why the speakers do not run: kubectl get pods in the namespace of Fairlead',
  SpeakerUnreachable:
    'see why these nodes are not heard: kubectl get nodes, kubectl get speakerstatuses -o wide',
  NoInterface: 'name interfaces in the L2Advertisement that the nodes have',
  AddressInUseOnWire: 'take the address from that machine, or out of the pool',
}

/**
 * Why a received frame is not answered. Every frame that reaches user space ends as an answer, as news about who
 * holds an address, or as one of these; each is counted by interface. The words are metric labels.
 */
export const dropReasons = {
  truncated: 'shorter than its own header says',
  notForUs: 'another protocol, or sent to the hardware address of another station',
  vlan: 'carries a VLAN id: it belongs to another interface than the one it was heard on',
  hardwareType: 'hardware type is not Ethernet',
  protocolType: 'protocol is not IPv4',
  addressLength: 'address lengths are not 6 and 4',
  ownFrame: 'sent by this node and seen again',
  badSender: 'the sender claims a group address or no address as its hardware address',
  notRequest: 'not a request',
  notAnnounced: 'asks for an address that is none of ours',
  notHeld: 'asks for a service address that this node does not hold',
  otherInterface: 'asks for an address that this node answers for on other interfaces only',
  handingOver: 'a probe of the node that the address is being handed to',
  rateLimited: 'more requests a second than the node answers',
  notNeighborDiscovery: 'not a Neighbor Solicitation or Advertisement',
  hopLimit: 'hop limit is not 255: a router forwarded it',
  checksum: 'ICMPv6 checksum is wrong',
  icmpCode: 'ICMPv6 code is not 0',
  optionLength: 'an option has length 0 or runs past the end',
  targetMulticast: 'the target is a group address',
  unspecifiedSource: 'sent from :: but not as Duplicate Address Detection sends it',
  solicitedToGroup: 'an advertisement that says it is solicited, sent to a group',
} as const satisfies Record<string, string>

export type DropReason = keyof typeof dropReasons

/** Why an interface carries no ARP and NDP. */
export const unusableReasons = {
  down: 'administratively down',
  noCarrier: 'no carrier',
  loopback: 'loopback',
  enslaved: 'port of a bridge, bond or team: the frames belong to its master',
  noArp: 'ARP is switched off on it (NOARP)',
  noBroadcast: 'cannot broadcast',
  noMac: 'has no Ethernet address',
  excluded: 'name matches the list of excluded interfaces',
  noSocket: 'the kernel gives no packet socket for it (the log says why)',
} as const satisfies Record<string, string>

export type UnusableReason = keyof typeof unusableReasons

/** Why this node does not answer for an address. */
export const silenceReasons = {
  noCandidate: 'no node may hold the address',
  notOwner: 'another node holds it',
  claiming: 'asking the wire first whether somebody else uses it',
  notServed: 'forwarding for it is not in the kernel of this node yet, or it has no usable endpoint',
  noInterface: 'no usable interface among those the advertisement names',
  addressInUse: 'a machine that is no node of the cluster uses it',
  invalidAddress: 'not an address',
  stopping: 'the speaker is being stopped',
} as const satisfies Record<string, string>

export type SilenceReason = keyof typeof silenceReasons

/** Why a node took an address. */
export const takeOverCauses = {
  first: 'nobody was known to hold it',
  failure: 'its holder has failed',
  handOver: 'its holder gave it up, or it is meant for this node',
  healing: 'this node could not hold it for a while, or each of two holders gave way to the other',
  stale: 'its holder has lost the API while this node has not',
  verification: 'its holder lives and was silent',
  restart: 'this node stood still and nobody took it meanwhile',
} as const satisfies Record<string, string>

export type TakeOverCause = keyof typeof takeOverCauses

/**
 * What happens to addresses, as told in events. Those about a node as a whole have no address and concern every
 * address.
 */
export const layer2Happenings = {
  claiming: 'this node asks the wire whether it may take the address',
  took: 'this node answers for the address now; the cause is one of takeOverCauses',
  announced: 'the address was announced for the first time since it was taken',
  fenced: 'another node answered: it holds the address',
  yielded: 'another node announced the address and goes before this one',
  insisted: 'another node announced the address, and this one goes before it',
  handingOver: 'the address is for another node, and answered for until that one announces it',
  handedOver: 'the other node has announced it',
  heardClaim: 'another node was heard to hold the address',
  unanswered: 'the node that held the address was asked and was silent',
  conflict: 'a machine that is no node of the cluster uses an address held here',
  inUse: 'a machine that is no node of the cluster uses the address, so it is not taken',
  silent: 'this node no longer answers; the cause is one of silenceReasons',
  thawed: 'this node stood still for longer than others may have waited for it',
  neighborAlive: 'another speaker is alive',
  neighborDead: 'another speaker has failed',
  neighborSilent:
    'another speaker has failed by all signs but BFD; the cause is one of doubts of suspicion.ts',
  neighborLeft: 'another speaker has said that it leaves',
  backOnWire: 'a speaker that was dead is heard on the wire again',
  sharedMac: 'two nodes have the same hardware address: who sends what cannot be known',
  eventsLost: 'more happened than can be told',
} as const satisfies Record<string, string>

export type Layer2Happening = keyof typeof layer2Happenings

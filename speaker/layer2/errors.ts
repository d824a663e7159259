/**
 * Why a received frame is not answered. Every frame that reaches user space ends as an answer, a conflict or one
 * of these; each is counted by interface. The words are metric labels.
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
  rateLimited: 'more requests a second than the node answers',
  notSolicitation: 'not a Neighbor Solicitation',
  hopLimit: 'hop limit is not 255: a router forwarded it',
  checksum: 'ICMPv6 checksum is wrong',
  icmpCode: 'ICMPv6 code is not 0',
  optionLength: 'an option has length 0 or runs past the end',
  targetMulticast: 'the target is a group address',
  unspecifiedSource: 'sent from :: but not as Duplicate Address Detection sends it',
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
  notServed: 'forwarding for it is not in the kernel of this node yet, or it has no usable endpoint',
  noInterface: 'no usable interface among those the advertisement names',
  invalidAddress: 'not an address',
  stopping: 'the speaker is being stopped',
} as const satisfies Record<string, string>

export type SilenceReason = keyof typeof silenceReasons

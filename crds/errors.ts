/**
 * Everything that can be wrong with a custom resource, by code. The text says what the code means in general; the
 * message of a Problem says what is wrong with the object at hand. Codes are stable: scripts and alerts match them.
 */
export const problemCodes = {
  FL_CRD_TYPE: 'a field has the wrong JSON type',
  FL_CRD_REQUIRED: 'a field that must be given is missing or empty',
  FL_CRD_VALUE: 'a value is not one of those allowed',
  FL_CRD_BOUNDS: 'a number or duration is outside its bounds',
  FL_CRD_EXCLUSIVE: 'fields that exclude each other are both set',
  FL_CRD_DUPLICATE: 'an element, a name or an object is there twice',
  FL_CRD_SELECTOR: 'a label selector is not valid',
  FL_CRD_UNKNOWN_FIELD: 'a field that this version does not know',
  FL_CRD_UNKNOWN_REFERENCE: 'an object is named that does not exist or is not in force',
  FL_POOL_ADDRESS: 'an entry is neither a CIDR prefix nor an address range',
  FL_POOL_OVERLAP: 'address ranges overlap',
  FL_POOL_EXCLUDES: 'excluded addresses are not among those of the pool, or are all of them',
  FL_POOL_UNUSABLE: 'a pool has addresses that no Service can have',
  FL_RESERVATION_ADDRESS: 'an AddressReservation has no address, a text that is none, or two of one family',
  FL_ADVERTISEMENT_AGGREGATION: 'the aggregate would announce more addresses than the pool has',
  FL_ADVERTISEMENT_LOCAL_PREF: 'two advertisements give the same route different local preferences',
  FL_ADVERTISEMENT_CONFLICT:
    'two advertisements give the same route different MEDs, AS_PATHs or link bandwidths',
  FL_ADVERTISEMENT_BANDWIDTH: 'a text is not a bandwidth such as 1G',
  FL_COMMUNITY_FORMAT: 'a text is not a BGP community',
  FL_COMMUNITY_UNKNOWN: 'no Community object defines this alias',
  FL_PROFILE_ECHO: 'BFD echo packets are not offered',
  FL_PEER_ADDRESS: 'an address of the session is not valid, or cannot be reached as it is',
  FL_PEER_ASN: 'the AS numbers do not describe a session',
  FL_PEER_TIMERS: 'the timers of the session contradict each other or RFC 4271',
  FL_PEER_PASSWORD: 'the password of a session cannot be used, or its Secret is not as it must be',
  FL_PEER_TTL: 'TTL security does not go together with multihop',
  FL_PEER_ROLE: 'a role belongs to sessions with other ASes, and strictness to a role',
  FL_PEER_CONFLICT: 'two BGPPeers describe the same session',
} as const satisfies Record<`FL_${string}`, string>

export type ProblemCode = keyof typeof problemCodes

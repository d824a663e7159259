import type { Family } from '#inet/address.ts'
import type { LocalDetector } from '../config.ts'
import { ForwardingError } from '../errors.ts'
import { affinityOf, endpointsOf, type Counting } from '../model.ts'
import { MASQUERADE_MARK } from '../program.ts'
import type { Action, Match, PacketField, Property, Rule } from '../program/rule.ts'
import { CHOSEN_BASE, classText, LIST_MASK, MEMBER_MASK, SLOT_BASE } from '../register.ts'
import { AFFINITY_MAP, ESCAPES_COUNTER, familyName, RETURNED_COUNTER, SPREAD_MAP } from './names.ts'

/** Rules as nft reads and prints them. */

/** A slot as traffic class `fa1e:n`. */
export const slotText = (slot: number): string => classText(SLOT_BASE + slot)

export const lookupKey = (family: Family, fields: readonly PacketField[]): string => {
  const ip = familyName(family)
  const names = {
    source: `${ip} saddr`,
    destination: `${ip} daddr`,
    protocol: 'meta l4proto',
    port: 'th dport',
  }
  return fields.map((field) => names[field]).join(' . ')
}

const markText = `0x${MASQUERADE_MARK.toString(16)}`
export const FRONTEND: readonly PacketField[] = ['destination', 'protocol', 'port']
const NODEPORT: readonly PacketField[] = ['protocol', 'port']

const balanceKey = (family: Family, over: Counting): string =>
  lookupKey(family, over === 'nodeports' || over === 'local-nodeports' ? NODEPORT : FRONTEND)

export const listKey = `meta priority & 0x${LIST_MASK.toString(16)}`

/**
 * A client of a list. For IPv6 a hash of its address: nft 1.0.6 puts the data of an `update` into the register where
 * a key of more than 16 octets goes on. Two clients with one hash share an endpoint, which harms nobody.
 */
export const clientKey = (family: Family): string =>
  `${listKey} . ${family === 4 ? 'ip saddr' : `jhash ip6 saddr mod ${0xffff_ffff} seed ${CLIENT_SEED}`}`

const CLIENT_SEED = '0x1'

/** A name as nft reads it; `*` at the end stands for anything. */
function interfaceText(detector: LocalDetector): string {
  const [name, end] =
    detector.by === 'bridge'
      ? [detector.name, '']
      : detector.by === 'interface-prefix'
        ? [detector.prefix, '*']
        : ['', '']
  // What Linux takes for a name, without what nft would read in another way.
  if (!/^[^\s/:"\\*]{1,15}$/.test(name)) {
    throw new ForwardingError('FL_FORWARDING_INSTALL', `"${name}" is no name of an interface`)
  }
  return `"${name}${end}"`
}

const property = (family: Family, name: Property, detector: LocalDetector): string => {
  if (name === 'from-pod-interface') return `iifname ${interfaceText(detector)}`
  if (name === 'not-from-pod-interface') return `iifname != ${interfaceText(detector)}`
  return {
    new: 'ct state new',
    'echo-request': family === 4 ? 'icmp type echo-request' : 'icmpv6 type echo-request',
    'to-this-node': 'fib daddr type local',
    'from-this-node': 'fib saddr type local',
    'not-to-loopback': family === 4 ? 'ip daddr != 127.0.0.0/8' : 'ip6 daddr != ::1',
    marked: `meta mark & ${markText} == ${markText}`,
    translated: 'ct status dnat',
    'not-translated': 'ct status ! dnat',
    untranslated: 'ct status ! confirmed,dnat',
    chosen: `meta priority >= ${classText(CHOSEN_BASE)}`,
    'not-chosen': `meta priority < ${classText(CHOSEN_BASE)}`,
    returning: 'fib daddr . iif oif exists',
    known: `meta priority & 0x${MEMBER_MASK.toString(16)} != 0`,
    tcp: 'meta l4proto tcp',
    transport: 'meta l4proto { tcp, udp, sctp }',
  }[name]
}

function matchText(family: Family, match: Match, detector: LocalDetector): string {
  if ('is' in match) return property(family, match.is, detector)
  if ('in' in match) return `${lookupKey(family, match.fields)} @${match.in}`
  if ('notIn' in match) return `${lookupKey(family, match.fields)} != @${match.notIn}`
  throw new TypeError('such rules are installed when they are first needed')
}

function actionText(family: Family, action: Action): string {
  const ip = familyName(family)
  switch (action.do) {
    case 'mark':
      return `meta mark set meta mark | ${markText}`
    case 'unmark':
      return `meta mark set meta mark & 0x${(~MASQUERADE_MARK >>> 0).toString(16)}`
    case 'masquerade':
      return 'masquerade fully-random'
    case 'jump':
    case 'goto':
      return `${action.do} ${action.chain}`
    case 'count': {
      const count = `meta priority set ${balanceKey(family, action.over)} map @${action.over}`
      return action.chain === undefined ? count : `${count} goto ${action.chain}`
    }
    case 'choose-slot':
      return `meta priority vmap @${SPREAD_MAP}`
    case 'first-slot':
      return `meta priority set ${slotText(0)}`
    case 'forget':
      return 'meta priority set none'
    case 'list': {
      const { lists } = affinityOf[action.over]
      return `meta priority set ${balanceKey(family, action.over)} map @${lists} goto ${action.chain}`
    }
    case 'recall':
      return `meta priority set ${clientKey(family)} map @${AFFINITY_MAP}`
    case 'learn':
      throw new TypeError('such rules are installed when they are first needed')
    case 'unlearn':
      return `delete @${AFFINITY_MAP} { ${clientKey(family)} : meta priority }`
    case 'member': {
      const key = `${balanceKey(family, action.over)} . meta priority`
      return `meta priority set ${key} map @${affinityOf[action.over].slots}`
    }
    case 'translate-member':
      return `dnat ${ip} to meta priority map @affinity-endpoints`
    case 'catch': {
      // A map is no set to look into before Linux 6.5; the priority of what goes on is as it was.
      const count = `meta priority set ${balanceKey(family, action.over)} map @${action.over}`
      return `${count} counter name ${ESCAPES_COUNTER} drop`
    }
    case 'translate': {
      const key = `${balanceKey(family, action.over)} . meta priority`
      return `dnat ${ip} to ${key} map @${endpointsOf[action.over]}`
    }
    case 'redirect':
      // The one element is found by every address. An address in the rule would make it another one on each node.
      return `dnat ${ip} to ${ip} daddr & ${family === 4 ? '0.0.0.0' : '::'} map @ping-responder`
    case 'unreachable': {
      const answer = family === 4 ? 'icmp host-unreachable' : 'icmpv6 addr-unreachable'
      return `counter name ${RETURNED_COUNTER} reject with ${answer}`
    }
    case 'reset':
      return 'reject with tcp reset'
    case 'reject':
      return family === 4 ? 'reject with icmp port-unreachable' : 'reject with icmpv6 port-unreachable'
    default:
      return action.do
  }
}

export function ruleText(family: Family, { match, actions, comment }: Rule, detector: LocalDetector): string {
  const parts = [
    ...match.map((one) => matchText(family, one, detector)),
    ...actions.map((one) => actionText(family, one)),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
  ]
  return parts.join(' ')
}

import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, type Netns } from '../../test/netns.ts'
import { livenessSettings } from '../bfd/config.ts'
import { eventually, Tap, WireProcess } from './kernel-rig.ts'
import type { WireAddress, WireDesired, WireSpeaker } from './protocol.ts'
import {
  arpFrame,
  groupMacOf,
  hexOf,
  ipHex,
  linkLayerOption,
  ndpFrame,
  solicitedNodeOf,
} from './test-frames.ts'

/**
 * Three speakers and a client on one switch, which keeps multicast away from ports that have not asked for it. The
 * client asks for every address, each time from another sender address, so that every answer tells which question it
 * is for, whatever the machine was doing meanwhile.
 */
const names = ['a', 'b', 'c'] as const
type Name = (typeof names)[number]

const macOf = (name: Name): string => `02:00:00:00:00:0${name}`
const ipOf = (name: Name): string => `192.0.2.1${names.indexOf(name)}`
const clientMac = '02:00:00:00:00:c7'
const vips = [
  ...Array.from({ length: 9 }, (_, index) => `192.0.2.${50 + index}`),
  ...Array.from({ length: 4 }, (_, index) => `2001:db8::5${index}`),
]

let fabric: Netns
let client: Netns
let tap: Tap
const spaces = new Map<Name, Netns>()
const running = new Map<Name, WireProcess>()

const wireOf = (name: Name): WireProcess => running.get(name) as WireProcess

beforeAll(async () => {
  fabric = await createNetns('l2switch')
  for (const bridge of ['br0', 'br1']) {
    const snooping = ['mcast_snooping', '1', 'mcast_querier', '1']
    await must(fabric, 'ip', ['link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0', ...snooping])
    await must(fabric, 'ip', ['link', 'set', bridge, 'up'])
  }
  for (const name of names) {
    const ns = await createNetns(`l2node-${name}`)
    spaces.set(name, ns)
    await connect(
      { ns: fabric, device: `port-${name}` },
      { ns, device: 'eth0', mac: macOf(name), addresses: [`${ipOf(name)}/24`] },
    )
    await plug(name, 'br0')
  }
  client = await createNetns('l2asker')
  await connect(
    { ns: fabric, device: 'port-client' },
    { ns: client, device: 'eth0', mac: clientMac, addresses: ['192.0.2.7/24'] },
  )
  await must(fabric, 'ip', ['link', 'set', 'port-client', 'master', 'br0'])
  tap = await Tap.open(client, 'eth0')
  for (const name of names) start(name)
})

afterAll(async () => {
  tap?.close()
  await cleanup()
})

const plug = (name: Name, bridge: string) =>
  must(fabric, 'ip', ['link', 'set', `port-${name}`, 'master', bridge])

const speaker = (name: Name): WireSpeaker => ({
  node: name,
  internalIPs: [ipOf(name)],
  interfaces: [{ mac: macOf(name), prefixes: [`${ipOf(name)}/24`] }],
  ready: true,
  apiReachable: true,
  reportedDead: false,
})

const wanted = (address: string): WireAddress => ({
  address,
  interfaces: [],
  candidates: names.map((node) => ({ node, preference: 0, eligible: true, reason: '', stale: false })),
  served: true,
})

/** A node that knows the others and is to hold nothing yet. */
function start(name: Name): WireProcess {
  const wire = new WireProcess(name, spaces.get(name) as Netns)
  running.set(name, wire)
  wire.send({
    kind: 'speakers',
    self: { stale: false, internalIPs: [ipOf(name)], liveness: livenessSettings },
    others: names.filter((other) => other !== name).map(speaker),
  })
  return wire
}

const allAddresses: WireDesired = { kind: 'addresses', put: vips.map(wanted), remove: [] }

const startAgain = (name: Name): void => start(name).send(allAddresses)

/** Questions are numbered; the number is in the sender address of the question. */
let asked = 0

const senderOf = (vip: string, question: number): string =>
  vip.includes(':') ? `2001:db8:1::${question.toString(16)}` : `10.0.${question >>> 8}.${question & 255}`

function ask(vip: string): string {
  const sender = senderOf(vip, ++asked)
  tap.send(vip.includes(':') ? solicitation(vip, sender) : request(vip, sender))
  return ipHex(sender)
}

const request = (vip: string, sender: string): string =>
  arpFrame({
    to: 'ff:ff:ff:ff:ff:ff',
    from: clientMac,
    operation: 'request',
    sha: clientMac,
    spa: sender,
    tha: '00:00:00:00:00:00',
    tpa: vip,
  })

const solicitation = (vip: string, sender: string): string =>
  ndpFrame({
    to: groupMacOf(solicitedNodeOf(vip)),
    from: clientMac,
    source: sender,
    destination: solicitedNodeOf(vip),
    type: 'solicitation',
    target: vip,
    options: linkLayerOption('source', clientMac),
  })

const answers = new Map<string, Set<Name>>()

/** Which nodes have answered a question. */
function answerersOf(question: string): Name[] {
  for (const { hex } of tap.frames.splice(0)) {
    const name = names.find((one) => hex.slice(12, 24) === hexOf(macOf(one)))
    const isReply = hex.slice(24, 28) === '0806' && hex.slice(40, 44) === '0002'
    const isAdvertisement = hex.slice(24, 28) === '86dd' && hex.slice(108, 110) === '88'
    if (name === undefined || !(isReply || isAdvertisement)) continue
    const to = isReply ? hex.slice(76, 84) : hex.slice(76, 108)
    answers.set(to, (answers.get(to) ?? new Set()).add(name))
  }
  return [...(answers.get(question) ?? [])]
}

const limit = 30_000
/** Of a test, which waits several times. */
const timeout = 4 * limit
/** Rounds in a row in which the same node, and no other, answers for each address. */
const quietRounds = 5

/** No node but the one that answers says that it holds the address: one that is silent for a moment may go on. */
const isToldBy = (holders: ReadonlyMap<string, Name>, apart: Name | undefined): boolean =>
  [...running].every(
    ([name, wire]) =>
      name === apart || vips.every((vip) => wire.holder(vip)?.held === (holders.get(vip) === name)),
  )

/**
 * Waits until each address is answered for by one node, which all know, and gives which.
 * @param apart a node that cannot know, since it stands still or is on another LAN
 */
async function settled(what: string, apart?: Name): Promise<Map<string, Name>> {
  let rounds: Map<string, Name>[] = []
  let questions: [string, string][] = []
  await eventually(
    what,
    async () => {
      const round = vips.map((vip) => [vip, ask(vip)] as [string, string])
      questions.push(...round)
      const all = await eventually(
        'answers',
        () => round.every(([, question]) => answerersOf(question).length > 0),
        300,
      ).catch(() => false)
      const found = new Map(round.map(([vip, question]) => [vip, answerersOf(question)[0]]))
      const same = rounds.length === 0 || vips.every((vip) => rounds[0].get(vip) === found.get(vip))
      // Also the rounds before: a second answer may come later than the first.
      const once = questions.every(([, question]) => answerersOf(question).length === 1)
      if (all && same && once && isToldBy(found, apart)) rounds.push(found)
      else [rounds, questions] = [[], []]
      return rounds.length >= quietRounds
    },
    limit,
  )
  return rounds[0]
}

/** Also by itself: what the others see may be its last life. */
const alive = (name: Name): Promise<unknown> =>
  eventually(
    `${name} and all others see each other alive`,
    () =>
      [...running].every(
        ([other, wire]) =>
          other === name ||
          (wire.neighbor(name)?.state === 'alive' && wireOf(name).neighbor(other)?.state === 'alive'),
      ),
    limit,
  )

const heldBy = (name: Name, holders: ReadonlyMap<string, Name>): string[] =>
  vips.filter((vip) => holders.get(vip) === name)

/** Somebody who holds something. */
const someHolder = (holders: ReadonlyMap<string, Name>): Name => holders.get(vips[0]) as Name

test('each address has one holder, and all nodes know which', { timeout }, async () => {
  // The first one to start would take all of them, if the others took long.
  for (const name of names) await alive(name)
  for (const wire of running.values()) wire.send(allAddresses)
  const holders = await settled('one holder each')
  for (const [vip, name] of holders) {
    for (const wire of running.values()) {
      await eventually(`${vip} known`, () => wire.holder(vip)?.holder === name, limit)
      expect(wire.holder(vip)?.held).toBe(wire === wireOf(name))
    }
  }
  expect(new Set(holders.values()).size).toBeGreaterThan(1)
})

test(
  'a node whose process is killed: the others take over; when it is back it takes nothing',
  { timeout },
  async () => {
    const before = await settled('one holder each')
    const victim = someHolder(before)
    wireOf(victim).signal('SIGKILL')
    await wireOf(victim).ended()
    running.delete(victim)
    const after = await settled('successors')
    for (const [vip, name] of after) {
      expect(name).not.toBe(victim)
      if (before.get(vip) !== victim) expect(name).toBe(before.get(vip))
    }
    startAgain(victim)
    await alive(victim)
    expect(await settled('the same holders')).toEqual(after)
  },
)

test(
  'a planned stop: every question is answered, by the old holder until there is a new one',
  { timeout },
  async () => {
    const before = await settled('one holder each')
    const leaving = someHolder(before)
    const mine = heldBy(leaving, before)
    const questions: string[] = []
    let stopped = false
    const stop = wireOf(leaving)
      .stop()
      .then(() => (stopped = true))
    await eventually(
      'the stop',
      () => {
        questions.push(...mine.map(ask))
        return stopped
      },
      limit,
    )
    await stop
    running.delete(leaving)
    await eventually(
      'all answers',
      () => questions.every((question) => answerersOf(question).length > 0),
      limit,
    )
    const after = await settled('successors')
    for (const vip of mine) expect(after.get(vip)).not.toBe(leaving)
    for (const wire of running.values()) expect(wire.neighbor(leaving)?.state).toBe('left')
    startAgain(leaving)
    await alive(leaving)
    expect(await settled('the same holders')).toEqual(after)
  },
)

test('a process that stood still answers nothing of what was asked meanwhile', { timeout }, async () => {
  const before = await settled('one holder each')
  const frozen = someHolder(before)
  const mine = heldBy(frozen, before)
  wireOf(frozen).signal('SIGSTOP')
  const successors = await settled('successors', frozen)
  for (const vip of mine) expect(successors.get(vip)).not.toBe(frozen)
  const meanwhile = [...mine, ...mine, ...mine].map(ask)
  await eventually(
    'answers of others',
    () => meanwhile.every((question) => answerersOf(question).length > 0),
    limit,
  )
  wireOf(frozen).signal('SIGCONT')
  await alive(frozen)
  expect(await settled('the same holders')).toEqual(successors)
  for (const question of meanwhile) expect(answerersOf(question)).not.toContain(frozen)
})

test(
  'a LAN that is split and healed: each half has its holders, then there is one again',
  { timeout },
  async () => {
    const before = await settled('one holder each')
    const apart = someHolder(before)
    await plug(apart, 'br1')
    const rest = await settled('successors', apart)
    for (const name of rest.values()) expect(name).not.toBe(apart)
    await eventually('the other half', () => vips.every((vip) => wireOf(apart).holder(vip)?.held), limit)
    await plug(apart, 'br0')
    await settled('one holder each again')
  },
)

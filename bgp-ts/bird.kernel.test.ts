import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { until } from '../test/netns.ts'
import { birdPeer as config, BirdRig, isUp } from './bird-rig.ts'
import type { PeerConfig } from './config.ts'
import type { Route } from './route.ts'

/** Our session against BIRD 2: what it announces, how it stops, and what it says when something is wrong. */
let rig: BirdRig

const birdConfig = `
router id 10.0.0.1;
log "bird.log" all;
protocol device {}
template bgp node {
  passive on;
  error wait time 1, 2;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
protocol bgp n4 from node { local 192.0.2.1 as 64512; neighbor 192.0.2.2 as 64500; }
protocol bgp n6 from node { local fd00::1 as 64512; neighbor fd00::2 as 64500; }
protocol bgp wide from node { local 192.0.2.1 as 64512; neighbor 192.0.2.3 as 4200000001; }
protocol bgp same from node { local 192.0.2.1 as 64512; neighbor 192.0.2.4 as 64512; }
`

beforeAll(async () => {
  rig = await BirdRig.create(birdConfig, [2, 3, 4])
})
afterEach(() => rig.stopSessions())
afterAll(() => rig.destroy())

const birdc = (...words: string[]): Promise<string> => rig.birdc(...words)
const routes = (...filter: string[]): Promise<string> => rig.routes(...filter)
const start = (config: PeerConfig, recording?: string) => rig.start(config, recording)

const overV6: PeerConfig = {
  ...config,
  address: parseAddress('fd00::1'),
  sourceAddress: parseAddress('fd00::2'),
}

const route = (prefix: string, more: Partial<Route> = {}): Route => ({
  prefix: parsePrefix(prefix),
  communities: [],
  ...more,
})

test('a /32 and a /128 reach BIRD with their communities, and go again', async () => {
  const session = start(config)
  session.put(
    route('198.51.100.1/32', {
      communities: [
        { kind: 'standard', value: [64500, 7] },
        { kind: 'large', value: [64500, 1, 2] },
      ],
      med: 30,
    }),
  )
  const six = start(overV6)
  six.put(route('2001:db8::1/128', { communities: [{ kind: 'standard', value: [65535, 65281] }] }))

  const ipv4 = await until('the /32 in BIRD', async () => {
    const text = await routes('protocol', 'n4')
    return text.includes('198.51.100.1/32') && text
  })
  expect(ipv4).toContain('BGP.next_hop: 192.0.2.2')
  expect(ipv4).toContain('BGP.as_path: 64500')
  expect(ipv4).toContain('BGP.med: 30')
  expect(ipv4).toContain('BGP.community: (64500,7)')
  expect(ipv4).toContain('BGP.large_community: (64500, 1, 2)')
  const ipv6 = await until('the /128 in BIRD', async () => {
    const text = await routes('protocol', 'n6')
    return text.includes('2001:db8::1/128') && text
  })
  expect(ipv6).toContain('BGP.next_hop: fd00::2')
  expect(ipv6).toContain('BGP.community: (65535,65281)')
  expect(session.status()).toMatchObject({
    state: 'Established',
    localAddress: '192.0.2.2',
    peerAS: 64512,
    peerRouterId: '10.0.0.1',
    holdTime: 90_000,
    families: ['ipv4-unicast', 'ipv6-unicast'],
    announced: { 'ipv4-unicast': 1, 'ipv6-unicast': 0 },
  })

  session.withdraw(parsePrefix('198.51.100.1/32'))
  six.withdraw(parsePrefix('2001:db8::1/128'))
  await until('both routes gone', async () => !/198\.51\.100|2001:db8/.test(await routes()))
  expect(session.status().state).toBe('Established')
})

test('an IPv6 route over an IPv4 session needs a next hop', async () => {
  const session = start(config)
  session.put(route('2001:db8::2/128'))
  await until('the session is up', isUp(session))
  await until('the refusal is counted', () => session.status().unsent?.['no-next-hop'] === 1)
  session.updateConfig({ ...config, nextHops: { 6: parseAddress('fd00::2') } })
  await until('the route in BIRD', async () => (await routes('protocol', 'n4')).includes('2001:db8::2/128'))
  expect(session.status().counters.established).toBe(1)
})

test('a 4-octet AS, and iBGP with LOCAL_PREF', async () => {
  const wide = start({ ...config, localAS: 4_200_000_001, sourceAddress: parseAddress('192.0.2.3') })
  wide.put(route('198.51.100.3/32'))
  const internal = start({
    ...config,
    localAS: 64512,
    routerId: '10.0.0.4',
    sourceAddress: parseAddress('192.0.2.4'),
  })
  internal.put(route('198.51.100.4/32', { localPref: 250 }))
  await until('the path of the wide AS', async () =>
    (await routes('protocol', 'wide')).includes('BGP.as_path: 4200000001'),
  )
  await until('the preference', async () =>
    (await routes('protocol', 'same')).includes('BGP.local_pref: 250'),
  )
})

test('ten thousand routes arrive, a refresh sends them again, withdrawals take them back', async () => {
  const session = start(config)
  await until('the session is up', isUp(session))
  const prefixes = Array.from({ length: 10_000 }, (_, index) => `10.1.${index >> 8}.${index & 255}/32`)
  for (const prefix of prefixes) session.put(route(prefix))
  const count = async () =>
    Number(/^(\d+) of/m.exec(await birdc('show', 'route', 'protocol', 'n4', 'count'))?.[1])
  await until('all routes', async () => (await count()) === 10_000, 15_000)
  const { updatesSent } = session.status().counters
  expect(updatesSent).toBeLessThan(40)
  await birdc('reload', 'in', 'n4')
  await until('the refresh', () => session.status().counters.routeRefreshReceived > 0)
  await until('the second round', () => session.status().counters.updatesSent >= updatesSent + 10)
  for (const prefix of prefixes) session.withdraw(parsePrefix(prefix))
  await until('no routes', async () => (await count()) === 0, 15_000)
})

test('BIRD sees a planned stop as a Cease with its text', async () => {
  const session = start(config, 'planned-stop')
  await until('the session is up', isUp(session))
  await session.stop({ subcode: 2, text: 'node goes down for repair' })
  const shown = await until('BIRD shows it', async () => {
    const text = await birdc('show', 'protocols', 'all', 'n4')
    return text.includes('Received') && text
  })
  expect(shown).toContain('Administrative shutdown')
  expect(session.status().state).toBe('Idle')
})

test('KEEPALIVEs hold a session of three seconds, and BIRD disabling it is told in words', async () => {
  const session = start({ ...overV6, holdTime: 3000 }, 'keepalives-then-cease')
  await until('the session is up', isUp(session))
  await until('keepalives', () => session.status().counters.keepalivesSent >= 5, 10_000)
  expect(session.status()).toMatchObject({ state: 'Established', holdTime: 3000, keepaliveTime: 1000 })
  await birdc('disable', 'n6', '"switch upgrade"')
  await until('the session is down', () => session.status().state !== 'Established')
  expect(session.status().lastError).toMatchObject({
    code: 'FL_BGP_NOTIFICATION_RECEIVED',
    text: 'the peer closed the session: Cease, Administrative Shutdown (6/2): "switch upgrade"',
  })
  await birdc('enable', 'n6')
  await until('it comes up again', isUp(session), 10_000)
})

test('a wrong AS is named with both numbers, whichever side has it wrong', async () => {
  const ours = start({ ...config, peerAS: 64999 }, 'wrong-peer-as')
  const text = await until('the error', () => ours.status().lastError?.text)
  expect(text).toContain('AS 64512')
  expect(text).toContain('AS 64999')
  await ours.stop({ subcode: 2, text: '' })

  const theirs = start({ ...config, localAS: 64501 })
  // BIRD may refuse the first connections while it waits out the error above.
  const refused = await until(
    'BIRD refuses',
    () => {
      const { lastError } = theirs.status()
      return lastError?.text.includes('Bad Peer AS') && lastError
    },
    15_000,
  )
  expect(refused.code).toBe('FL_BGP_NOTIFICATION_RECEIVED')
  expect(refused.text).toContain('we said AS 64501')
})

test('BIRD shutting down, and then nobody listening, are told in words', async () => {
  const session = start(overV6, 'peer-shuts-down')
  await until('the session is up', isUp(session), 15_000)
  await birdc('down')
  await until('the session is down', () => session.status().state !== 'Established')
  expect(session.status().lastError?.text).toMatch(/^the peer closed the session: Cease/)
  await until('the refusal', () => session.status().lastError?.text.includes('ECONNREFUSED'))
  expect(session.status().lastError).toMatchObject({ code: 'FL_BGP_CONNECT_FAILED' })
  await rig.startBird()
  await until('it comes up again', isUp(session), 15_000)
})

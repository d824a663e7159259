import { expect } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { Stage } from '../stage.ts'
import { neighbors, nodeLinkLocal } from '../neighbors.ts'
import { cableLinkLocal } from '../topology.ts'

const v4 = '198.51.100.7/32'
const v6 = '2001:db8:7::7/128'

/** Only the router shall connect: nobody listens where our attempts go. */
const called = { listen: true, port: 1 } as const

/** Begins the session for which a router may take seconds; its test finds it up, or waits for the rest. */
export const beginSlowSession = (stage: Stage): void => stage.configure('caller', called)

/** Of the two that an IPv6 next hop may have (RFC 2545 3), routers show the one that they use. */
const nextHopsOnLink = ({ neighbor }: Stage): string[] => [neighbor.remote, cableLinkLocal]

/**
 * We connect, too, and the router settles it: it hears our OPEN on both connections. What it says is held until then, on
 * its own connection until it has spoken on ours: so each of them learns of the collision by itself.
 */
async function collide(stage: Stage): Promise<void> {
  await stage.letPass('silent')
  await stage.until('ours as well', () => (stage.status?.counters.opensSent ?? 0) >= 2)
  await stage.until('the router has closed one', async () => (await stage.connectionsOfRouter()) === 1)
  await stage.letPass('ours')
  const told = () => [stage.status?.notificationSent, stage.status?.notificationReceived]
  await stage.until('a Cease 6/7', () => told().some((one) => one?.code === 6 && one.subcode === 7))
}

/** How a session comes to be, and that a route goes over it. */
export const sessionCells = {
  async ipv4(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix: v4 })
    await stage.kept(v4, { nextHop: '192.0.2.10' })
  },

  async ipv6(stage: Stage) {
    await stage.session('six')
    stage.announce({ prefix: v6 })
    const { nextHop } = await stage.kept(v6)
    expect(nextHopsOnLink(stage)).toContain(nextHop)
  },

  async bothFamilies(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix: v4 }, { prefix: v6 })
    await stage.kept(v4, { nextHop: '192.0.2.10' })
    await stage.kept(v6, { nextHop: '2001:db8::10' })
    expect(stage.status?.families).toEqual(['ipv4-unicast', 'ipv6-unicast'])
  },

  async ebgp(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix: v4, localPref: 300 })
    const { localPref } = await stage.kept(v4, { asPath: [64500], nextHop: '192.0.2.10' })
    // Some routers show their own default.
    expect(localPref ?? 100).toBe(100)
  },

  async ibgp(stage: Stage) {
    await stage.session('inner')
    stage.announce({ prefix: v4, localPref: 300 })
    await stage.kept(v4, { asPath: [], localPref: 300, nextHop: stage.neighbor.remote })
  },

  async fourOctetAS(stage: Stage) {
    await stage.session('wide')
    stage.announce({ prefix: v4 })
    await stage.kept(v4, { asPath: [4_200_000_001] })
  },

  async md5(stage: Stage) {
    stage.configure('signed', { password: 'wrong' })
    await stage.until('an attempt', () => stage.status?.state === 'Connect')
    expect((await stage.router.session(stage.neighbor)).up).toBe(false)
    await stage.session('signed')
    stage.announce({ prefix: v4 })
    await stage.kept(v4)
  },

  async gtsm(stage: Stage) {
    await stage.session('near', { ttlSecurity: 1 })
    stage.announce({ prefix: v4 })
    await stage.kept(v4)
  },

  async multihop(stage: Stage) {
    await stage.session('far', { nextHops: {} })
    stage.announce({ prefix: v4 })
    await stage.kept(v4, { nextHop: '198.18.0.10' })
  },

  async listen(stage: Stage) {
    await stage.session('caller', called)
    stage.announce({ prefix: v4 })
    await stage.kept(v4)
  },

  async collision(stage: Stage) {
    // The higher identifier's own connection stays.
    for (const [name, routerId] of [
      ['crossing', '192.0.2.10'],
      ['meeting', '1.1.1.1'],
    ]) {
      // Routers wait longer and longer when nobody answers, so it begins when it may.
      if (stage.kind.collides) await stage.router.shutdown(neighbors[name], true)
      await stage.letPass('router')
      stage.configure(name, { listen: true, routerId })
      if (stage.kind.collides) await stage.router.shutdown(neighbors[name], false)
      await stage.until('its connection', async () => (await stage.connections()) === 1)
      if (stage.kind.collides) await collide(stage)
      await stage.letPass('all')
      await stage.up()
      await stage.until('one connection', async () => (await stage.connections()) === 1)
      stage.announce({ prefix: v4 })
      await stage.kept(v4)
      expect(stage.status?.counters.established).toBeLessThanOrEqual(1 + (stage.kind.stopsWinner ? 1 : 0))
      if (!stage.kind.collides) return
    }
  },

  async extendedNextHop(stage: Stage) {
    await stage.session('extended', { extendedNextHop: true, nextHops: {} })
    stage.announce({ prefix: v4 }, { prefix: v6 })
    for (const prefix of [v4, v6]) {
      const { nextHop } = await stage.kept(prefix)
      expect(nextHopsOnLink(stage)).toContain(nextHop)
    }
  },

  async unnumbered(stage: Stage) {
    // All that the speaker knows is the interface.
    await stage.session('unnumbered', {
      unnumbered: true,
      device: 'eth1',
      address: parseAddress('::'),
      sourceAddress: undefined,
      peerAS: undefined,
      asType: 'external',
      extendedNextHop: true,
      nextHops: {},
    })
    stage.announce({ prefix: v4 }, { prefix: v6 })
    await stage.kept(v4, { nextHop: nodeLinkLocal })
    await stage.kept(v6, { nextHop: nodeLinkLocal })
  },

  async role(stage: Stage) {
    stage.configure('provider', { role: 'peer' })
    // Whoever reads the other's OPEN first says so.
    const told = () => [stage.status?.notificationSent, stage.status?.notificationReceived]
    await stage.until('the refusal', () => told().some((one) => /role.*2\/11/i.test(one?.text ?? '')))
    await stage.session('provider', { role: 'customer', strictRole: true })
    stage.announce({ prefix: v4 })
    await stage.kept(v4)
  },
}

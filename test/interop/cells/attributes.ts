import { expect } from 'vitest'
import type { Stage } from '../stage.ts'

const prefix = '198.51.100.8/32'
/** octets per second */
const bandwidth = 12_500_000

/** What a route carries, and how that changes. */
export const attributeCells = {
  async communities(stage: Stage) {
    await stage.session('plain')
    stage.announce({
      prefix,
      communities: [
        { kind: 'standard', value: [64500, 7] },
        { kind: 'standard', value: [65535, 65281] },
      ],
    })
    await stage.kept(prefix, { communities: ['64500:7', '65535:65281'] })
  },

  async largeCommunities(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix, communities: [{ kind: 'large', value: [64500, 1, 4_000_000_000] }] })
    await stage.kept(prefix, { largeCommunities: ['64500:1:4000000000'] })
  },

  async extendedCommunities(stage: Stage) {
    await stage.session('plain')
    // route target 64500:7
    stage.announce({ prefix, communities: [{ kind: 'extended', value: [0x0002fbf4, 7] }] })
    await stage.kept(prefix, { extendedCommunities: ['target:64500:7'] })
  },

  async linkBandwidth(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix, linkBandwidth: bandwidth })
    await stage.kept(prefix, { extendedCommunities: [`bandwidth:64500:${bandwidth}`] })
  },

  async med(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix, med: 30 })
    await stage.kept(prefix, { med: 30 })
  },

  async prepend(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix, asPathPrepend: 2 })
    await stage.kept(prefix, { asPath: [64500, 64500, 64500] })
  },

  async attributeChange(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix, med: 1 })
    await stage.kept(prefix, { med: 1, communities: [] })
    stage.announce({ prefix, communities: [{ kind: 'standard', value: [64500, 9] }] })
    const { med } = await stage.kept(prefix, { communities: ['64500:9'] })
    expect(med ?? 0).toBe(0)
    expect(stage.status?.counters.established).toBe(1)
  },

  async withdraw(stage: Stage) {
    const other = '198.51.100.9/32'
    await stage.session('plain')
    stage.announce({ prefix }, { prefix: other })
    await stage.kept(prefix)
    await stage.kept(other)
    stage.withdraw(prefix)
    await stage.gone(prefix)
    expect(await stage.seen(other)).toBeDefined()
    expect(stage.status?.counters.established).toBe(1)
  },

  async gshut(stage: Stage) {
    await stage.session('honouring')
    stage.announce({ prefix })
    const { localPref } = await stage.kept(prefix)
    expect(localPref ?? 100).toBe(100)
    stage.speaker.send({ kind: 'gracefulShutdown', on: true })
    const lowered = await stage.kept(prefix, { communities: ['65535:0'] })
    expect(lowered.localPref).toBeLessThan(100)
    stage.speaker.send({ kind: 'gracefulShutdown', on: false })
    await stage.kept(prefix, { communities: [] })
  },
}

import { expect } from 'vitest'
import { defaultSettings } from '#speaker/bfd/config.ts'
import type { Stage } from '../stage.ts'

const prefix = '198.51.100.10/32'
const stale = '198.51.100.11/32'
const fast = { ...defaultSettings, receiveInterval: 100, transmitInterval: 100, detectMultiplier: 3 }
const gracefulRestart = { restartTime: 20_000, forwardingPreserved: true }

/** A session with a route and with BFD that would notice a failure within 300 ms. */
async function watched(stage: Stage, name: string): Promise<void> {
  await stage.session(name, { bfd: fast })
  stage.announce({ prefix })
  await stage.kept(prefix)
  const { local, remote } = stage.neighbor
  const bfd = () => stage.speaker.bfd(remote, local)
  await stage.until('BFD Up at 100 ms', () => bfd()?.state === 'Up' && bfd()?.detectionTime === 300)
}

/** What happens to a session that is up. */
export const lifecycleCells = {
  async bfd(stage: Stage) {
    await watched(stage, 'watched')
    // The hold time is far away: only BFD can tell.
    stage.speaker.freeze(true)
    try {
      await stage.gone(prefix)
    } finally {
      stage.speaker.freeze(false)
    }
    await stage.up()
    await stage.kept(prefix)
  },

  async bfdDown(stage: Stage) {
    await watched(stage, 'watching')
    stage.router.freezeBfd?.(true)
    try {
      await stage.until('the Cease', () => stage.status?.notificationSent?.text.includes('(6/10)') ?? false)
    } finally {
      stage.router.freezeBfd?.(false)
    }
  },

  async gracefulRestart(stage: Stage) {
    await stage.session('killed', { gracefulRestart })
    stage.announce({ prefix }, { prefix: stale })
    stage.speaker.send({ kind: 'routesComplete' })
    await stage.kept(prefix)
    await stage.kept(stale)
    await stage.kill()
    await stage.until('the router noticed', async () => !(await stage.router.session(stage.neighbor)).up)
    expect(await stage.seen(prefix)).toBeDefined()
    expect(await stage.seen(stale)).toBeDefined()

    await stage.startSpeaker()
    await stage.session('killed', { gracefulRestart })
    stage.announce({ prefix })
    await stage.until('sent', () => stage.status?.announced['ipv4-unicast'] === 1)
    // Lists that are not complete must not cost a route.
    expect(await stage.seen(prefix)).toBeDefined()
    expect(await stage.seen(stale)).toBeDefined()
    stage.speaker.send({ kind: 'routesComplete' })
    await stage.gone(stale)
    expect(await stage.seen(prefix)).toBeDefined()
  },

  async plannedRestart(stage: Stage) {
    await stage.session('upgraded', { gracefulRestart })
    stage.announce({ prefix })
    stage.speaker.send({ kind: 'routesComplete' })
    await stage.kept(prefix)
    await stage.stop()
    await stage.until('the router noticed', async () => !(await stage.router.session(stage.neighbor)).up)
    expect(await stage.seen(prefix)).toBeDefined()
    await stage.startSpeaker()
    await stage.session('upgraded', { gracefulRestart })
    stage.announce({ prefix })
    stage.speaker.send({ kind: 'routesComplete' })
    await stage.until('sent', () => stage.status?.announced['ipv4-unicast'] === 1)
    expect(await stage.seen(prefix)).toBeDefined()
  },

  async hardReset(stage: Stage) {
    await stage.session('removed', { gracefulRestart })
    stage.announce({ prefix })
    stage.speaker.send({ kind: 'routesComplete' })
    await stage.kept(prefix)
    stage.remove()
    await stage.gone(prefix)
  },

  async refresh(stage: Stage) {
    await stage.session('plain')
    stage.announce({ prefix })
    await stage.kept(prefix)
    const before = stage.status?.counters.updatesSent ?? 0
    await stage.router.refresh(stage.neighbor)
    await stage.until('the request', () => (stage.status?.counters.routeRefreshReceived ?? 0) > 0)
    await stage.until('the answer', () => (stage.status?.counters.updatesSent ?? 0) > before)
    expect(await stage.seen(prefix)).toBeDefined()
    expect(stage.status?.counters.established).toBe(1)
  },

  async shutdownText(stage: Stage) {
    await stage.session('stopped')
    await stage.stop()
    const shown = async (): Promise<string> => (await stage.router.session(stage.neighbor)).lastError
    await stage.until('the router shows why', async () =>
      (await shown()).includes('the speaker is being stopped'),
    )
  },

  async routerShutdown(stage: Stage) {
    await stage.session('disabled')
    await stage.router.shutdown(stage.neighbor, true)
    // Not the last error: that soon says what became of the next attempt to connect.
    const received = () => stage.status?.notificationReceived
    await stage.until('the NOTIFICATION', () => received() !== undefined)
    expect(received()?.text).toContain('Administrative Shutdown (6/2)')
    expect(received()?.text).toContain(stage.kind.shutdownText)
    await stage.router.shutdown(stage.neighbor, false)
  },
}

/** For the tests against BIRD 2: a veth pair, this process at one end, BIRD in a namespace of its own at the other. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAddress } from '#inet/address.ts'
import { cleanup, createNetns, run, spawnIn, until, type Netns } from '../test/netns.ts'
import { systemClock } from './clock.ts'
import type { PeerConfig } from './config.ts'
import type { Connector } from './connection.ts'
import { Session } from './session.ts'
import { connectPlain } from './transport.ts'

const ip = (...args: string[]): Buffer => execFileSync('ip', args)

/** BIRD is 192.0.2.1 and fd00::1, we are 192.0.2.2 and up, and fd00::2. */
export class BirdRig {
  readonly #router: Netns
  readonly #folder: string
  readonly #sessions: Session[] = []

  constructor(router: Netns, folder: string) {
    this.#router = router
    this.#folder = folder
  }

  /** @param last of our IPv4 addresses, the last octet of each */
  static async create(config: string, last: readonly number[]): Promise<BirdRig> {
    const folder = mkdtempSync(join(tmpdir(), 'bgp-ts-bird-'))
    writeFileSync(join(folder, 'bird.conf'), config)
    const router = await createNetns('router')
    ip('link', 'add', 'bgp0', 'type', 'veth', 'peer', 'name', 'bgp1', 'netns', 'router')
    ip('link', 'set', 'bgp0', 'up')
    for (const octet of last) ip('addr', 'add', `192.0.2.${octet}/24`, 'dev', 'bgp0')
    ip('addr', 'add', 'fd00::2/64', 'dev', 'bgp0', 'nodad')
    ip('-n', 'router', 'link', 'set', 'bgp1', 'up')
    ip('-n', 'router', 'addr', 'add', '192.0.2.1/24', 'dev', 'bgp1')
    ip('-n', 'router', 'addr', 'add', 'fd00::1/64', 'dev', 'bgp1', 'nodad')
    const rig = new BirdRig(router, folder)
    await rig.startBird()
    return rig
  }

  async startBird(): Promise<void> {
    const args = ['-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid']
    spawnIn(this.#router, 'bird', args, { cwd: this.#folder })
    await until('BIRD answers', async () => (await this.birdc('show', 'status')).includes('Daemon is up'))
  }

  async birdc(...words: string[]): Promise<string> {
    return (await run(this.#router, 'birdc', ['-s', join(this.#folder, 'bird.ctl'), ...words])).stdout
  }

  routes(...filter: string[]): Promise<string> {
    return this.birdc('show', 'route', ...filter, 'all')
  }

  /**
   * A started session.
   * @param recording where `UPDATE_RECORDINGS=1` writes what its state machines go through, in `recordings/`
   */
  start(config: PeerConfig, recording?: string, connect: Connector = connectPlain): Session {
    const session = new Session(config, { clock: systemClock, random: Math.random, connect })
    this.#sessions.push(session)
    if (recording !== undefined && process.env.UPDATE_RECORDINGS === '1') {
      const file = new URL(`recordings/${recording}.jsonl`, import.meta.url)
      writeFileSync(file, '')
      session.record((line) => writeFileSync(file, `${line}\n`, { flag: 'a' }))
    }
    session.start()
    return session
  }

  async stopSessions(): Promise<void> {
    await Promise.all(this.#sessions.splice(0).map((session) => session.stop({ subcode: 2, text: '' })))
  }

  async destroy(): Promise<void> {
    ip('link', 'delete', 'bgp0')
    await cleanup()
    rmSync(this.#folder, { recursive: true })
  }
}

/** Ours, towards BIRD over IPv4. */
export const birdPeer: PeerConfig = {
  name: 'bird',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress('192.0.2.1'),
  sourceAddress: parseAddress('192.0.2.2'),
  port: 179,
  routerId: '10.0.0.2',
  holdTime: 90_000,
  connectRetryTime: 200,
  multihop: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
}

export const isUp = (session: Session) => () => session.status().state === 'Established'

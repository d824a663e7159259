import { callControl } from '#lab/control.ts'
import type { FaultKind } from '#lab/faults.ts'
import { LabProbe } from '#lab/probes/probe.ts'
import { readiness } from '#lab/product.ts'
import { labFiles } from '#lab/state-directory.ts'
import { rank } from '#speaker/layer2/elect.ts'
import { TestLab, until } from './test-lab.ts'

/** A lab whose LAN is asked for two service addresses all the time: what clients of both families meet. */

export const NODES = ['node1', 'node2', 'node3'] as const

/** The service address of IPv4, and one of IPv6 that the same node holds whichever nodes are left. */
export const VIP4 = '192.168.1.100'
export const VIP6 = matchingVip6()
export const VIPS = [VIP4, VIP6] as const

function matchingVip6(): string {
  const order = (address: string): string => {
    const candidates = NODES.map((node) => ({
      node,
      preference: 0,
      eligible: true,
      reason: '',
      stale: false,
    }))
    return rank(address, candidates)
      .map(({ node }) => node)
      .join()
  }
  for (let number = 0x100; ; number++) {
    const address = `fd00:192:168:1::${number.toString(16)}`
    if (order(address) === order(VIP4)) return address
  }
}

/** One station and no other answered for so long: it is settled. */
const SETTLED_MS = 1000

/** Of a process that starts on a busy machine. */
const READY_LIMIT_MS = 60_000

export class Layer2World {
  readonly lab: TestLab

  constructor(what: string) {
    this.lab = new TestLab(what)
  }

  /** @throws Error when the lab does not come up */
  async up(...options: string[]): Promise<void> {
    const { code, stderr } = await this.lab.up(...options)
    if (code !== 0) throw new Error(`lab up: ${stderr}`)
  }

  /** In this process: a fault must not wait for a command to start. */
  async fault(kind: FaultKind, target?: string): Promise<void> {
    const given = { kind, ...(target === undefined ? {} : { node: target }) }
    await callControl(labFiles(this.lab.name), 'fault', given)
  }

  /** Waits until every speaker does its work. */
  async ready(): Promise<void> {
    for (const { name, admin } of this.lab.info.nodes) {
      const what = `the speaker of ${name} is ready`
      await until(what, async () => ((await readiness(admin)) === '' ? true : undefined), READY_LIMIT_MS)
    }
  }

  /** Asks for both addresses, and for others, until it is stopped. */
  probe(
    from: 'client' | 'router',
    options: { readonly file: string; readonly everyMs: number; readonly others?: readonly string[] },
  ): Promise<LabProbe> {
    const { file, everyMs, others = [] } = options
    return LabProbe.start(this.lab.name, { from, addresses: [...VIPS, ...others], everyMs, file })
  }

  /** The node with this hardware address; the address itself when it is nobody's. */
  nodeOf(mac: string): string {
    return this.lab.info.nodes.find((node) => node.mac === mac)?.name ?? mac
  }

  /** Who answers for an address now. */
  holders(probe: LabProbe, address: string): string[] {
    return probe.answerers(address, SETTLED_MS).map((mac) => this.nodeOf(mac))
  }

  /**
   * Waits until one and the same node has answered for both addresses for a second, without a pause and nobody else.
   * @param not another node than this one
   * @returns its name; undefined when that did not happen in `limit` milliseconds
   */
  async settled(probe: LabProbe, limit: number, not?: string): Promise<string | undefined> {
    const begun = probe.ticks.at(-1)?.at ?? 0
    let holder: string | undefined
    const done = await probe.until(() => {
      const now = probe.ticks.at(-1)?.at ?? 0
      if (now - begun < SETTLED_MS) return false
      const [one, other] = VIPS.map((address) => this.holders(probe, address))
      holder = one[0]
      const alone = one.length === 1 && other.length === 1 && one[0] === other[0] && holder !== not
      const recent = probe.ticks.filter(({ at }) => at > now - SETTLED_MS)
      return alone && recent.every(({ answers }) => VIPS.every((vip) => answers[vip] !== undefined))
    }, limit)
    return done ? holder : undefined
  }
}

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram } from '#lab/programs.ts'
import { TestLab, until as untilLimit } from './test-lab.ts'

/**
 * What an operator reads when a session does not work as it should: in `fairlead bgp peers`, in `kubectl get
 * speakerstatuses` and in `kubectl describe bgppeer`. Each node has a BGPPeer of its own, so that a router's wait
 * after one mistake does not get into the way of the next.
 */

/** The routers wait, too, after what they take for an error. */
const LIMIT_MS = 50_000
const VIP = '192.168.1.100'

const until = <T>(what: string, ask: () => Promise<T | undefined>) => untilLimit(what, ask, LIMIT_MS)

/** What is done to a router, in its own words. */
interface Router {
  readonly kind: 'frr' | 'bird'
  /** why it cannot run here, '' when it can */
  readonly missing: string
  /** it takes no routes from eBGP peers, or takes them again */
  policy(lab: TestLab, missing: boolean): Promise<void>
  /** it expects that all peers have an AS that none of them has */
  otherAS(lab: TestLab): Promise<void>
  /** routes to the address in its table */
  routes(lab: TestLab): Promise<string>
}

const vtysh = (lab: TestLab, ...lines: string[]) =>
  lab.output('router', 'vtysh', ...lines.flatMap((line) => ['-c', line]))
const inBgp = (lab: TestLab, ...lines: string[]) =>
  vtysh(lab, 'configure terminal', 'router bgp 4294967294', ...lines)

const frr: Router = {
  kind: 'frr',
  missing:
    findProgram('frr/bgpd') === undefined || findProgram('vtysh') === undefined
      ? ' (skipped: FRR is not installed)'
      : process.getuid?.() === 0
        ? ''
        : ' (skipped: only root may run FRR)',
  policy: async (lab, missing) => {
    await inBgp(lab, `${missing ? '' : 'no '}bgp ebgp-requires-policy`)
    // Routes that are there already stay; the peers are asked for them again.
    await vtysh(lab, 'clear bgp ipv4 unicast * in')
  },
  otherAS: async (lab) => {
    await inBgp(lab, 'neighbor LAN remote-as 65001')
    await vtysh(lab, 'clear bgp *')
  },
  routes: (lab) => vtysh(lab, 'show bgp ipv4 unicast'),
}

async function changeBird(lab: TestLab, from: string, to: string): Promise<void> {
  const file = join(dirname(lab.info.logs), 'etc', 'bird.conf')
  const before = readFileSync(file, 'utf8')
  expect(before).toContain(from)
  writeFileSync(file, before.replace(from, to))
  await lab.output('router', 'birdc', 'configure')
}

const bird: Router = {
  kind: 'bird',
  missing: '',
  policy: (lab, missing) => {
    const channel = (what: string) => `ipv4 { import ${what}; export none; extended`
    return changeBird(lab, channel(missing ? 'all' : 'none'), channel(missing ? 'none' : 'all'))
  },
  otherAS: (lab) =>
    changeBird(lab, 'neighbor range 192.168.1.0/24 external', 'neighbor range 192.168.1.0/24 as 65001'),
  // Without one birdc ends with 1.
  routes: async (lab) => (await lab.exec('router', 'birdc', 'show', 'route', `${VIP}/32`)).stdout,
}

const peerOf = (node: string) => `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: router-of-${node}, namespace: metallb-system }
spec:
  myASN: 64513
  peerASN: 64512
  peerAddress: 192.168.1.1
  nodeSelectors: [{ matchLabels: { kubernetes.io/hostname: ${node} } }]
---`

for (const router of [frr, bird]) {
  describe.skipIf(router.missing !== '')(`with ${router.kind}${router.missing}`, () => {
    const lab = new TestLab(`words-${router.kind}`)
    const manifest = (name: string) =>
      readFileSync(new URL(`../../lab/manifests/${name}.yaml`, import.meta.url), 'utf8')
    const admin = (node: string) => lab.info.nodes.find(({ name }) => name === node)?.admin ?? ''
    const peers = async (node: string, ...options: string[]) =>
      (await lab.fairlead(admin(node), 'bgp', 'peers', ...options)).stdout

    /** `fairlead bgp peers` of a node, as soon as it has all of these words. */
    const saying = (node: string, ...words: (string | RegExp)[]): Promise<string> => {
      let last = ''
      return until(`bgp peers of ${node} with ${words.join(' and ')}`, async () => {
        last = await peers(node)
        if (words.every((one) => (typeof one === 'string' ? last.includes(one) : one.test(last)))) return last
        throw new Error(last)
      })
    }

    const patch = async (node: string, spec: object) => {
      const json = JSON.stringify({ spec })
      const { code } = await lab.kubectl(
        `patch bgppeer router-of-${node} -n metallb-system --type merge -p ${json}`,
      )
      expect(code).toBe(0)
    }

    const overview = async (node: string) => {
      const { stdout } = await lab.kubectl(`get speakerstatus ${node} -o wide --no-headers`)
      return stdout
    }

    /** The events of the BGPPeer of a node, once these words are among them. */
    const described = (node: string, words: string) =>
      until(`an event with ${words}`, async () => {
        const { stdout } = await lab.kubectl(`describe bgppeer router-of-${node} -n metallb-system`)
        return stdout.includes(words) ? stdout : undefined
      })

    beforeAll(async () => {
      expect(await lab.up('--router', router.kind, '--nodes', '2')).toMatchObject({ code: 0, stderr: '' })
      for (const name of ['layer2', 'nginx']) await lab.apply(manifest(name))
      const [, advertisement = ''] = manifest('bgp').split('---')
      await lab.apply(`${peerOf('node1')}${peerOf('node2')}${advertisement}`)
    })

    afterAll(() => lab.down())

    test('a session that works', async () => {
      await saying('node1', 'Established', /90s +1 +0 +0/)
      const wide = await peers('node1', '--wide')
      expect(wide).toMatch(/agreed: ipv4-unicast, four-octet-as, route-refresh, keepalive 30s/)
      expect(wide).toContain('the router: 192.168.1.1:179, AS 64512, router ID 192.168.1.1')
      expect(wide).toContain('last NOTIFICATION received: none')
      await until('1/1 sessions', async () => ((await overview('node1')).includes('1/1') ? true : undefined))
      await described('node1', 'node1: the session with 192.168.1.1:179 is up (AS 64512')
    })

    test('a router without a policy for us', async () => {
      await router.policy(lab, true)
      await until('the router drops the routes', async () =>
        (await router.routes(lab)).includes(VIP) ? undefined : true,
      )
      const text = await saying('node1', 'Established')
      expect(text).toMatch(/has been sent 1 route and has sent none/)
      expect(text).toMatch(/look for a missing policy first.*RFC 8212/)
      await router.policy(lab, false)
      await until('the routes are back', async () =>
        (await router.routes(lab)).includes(VIP) ? true : undefined,
      )
    })

    test('a password that the router does not have', async () => {
      await patch('node1', { password: 'not-the-same' })
      const text = await saying('node1', 'no answer', 'a password is configured here')
      expect(text).toContain('a password or TTL that does not match')
      expect(text).not.toContain('not-the-same')
      await until('the overview has it', async () =>
        /0\/1 .*router-of-node1: no answer/.test(await overview('node1')) ? true : undefined,
      )
      const events = await described('node1', 'does not come up: no answer')
      expect(events).toContain('begins anew, as its configuration changed: password')
      await patch('node1', { password: null })
      await saying('node1', 'Established')
    })

    test('an AS number that the router does not have', async () => {
      await patch('node1', { peerASN: 64999 })
      const text = await saying('node1', 'configured is AS 64999')
      expect(text).toContain('the peer says that it is AS 64512')
      expect(text).toContain('Bad Peer AS (2/2)')
      expect(text).toContain('write 64512, if that is the router that was meant')
      expect(await peers('node1', '--wide')).toMatch(
        /last NOTIFICATION sent: OPEN Message Error, Bad Peer AS \(2\/2\)/,
      )
      await described('node1', 'does not come up: the peer says that it is AS 64512')
      await until('the overview has it', async () =>
        /0\/1 .*configured is AS 64999/.test(await overview('node1')) ? true : undefined,
      )
    })

    test('an AS number of ours that the router does not expect', async () => {
      await router.otherAS(lab)
      const text = await saying('node2', 'Bad Peer AS (2/2)')
      expect(text).toContain('the router expects another AS number of this node than 64513')
      expect(await peers('node2', '--wide')).toMatch(
        /last NOTIFICATION received: OPEN Message Error, Bad Peer AS \(2\/2\)/,
      )
      // The controller tells it of all nodes.
      await until('the controller has it', async () => {
        const { stdout } = await lab.fairlead(lab.info.controller.admin, 'bgp', 'peers')
        return /node2 +router-of-node2 .*Bad Peer AS \(2\/2\)/.test(stdout) ? true : undefined
      })
    })

    test('metrics have them, too', async () => {
      const text = await lab.output(
        'client',
        'curl',
        '-s',
        '--unix-socket',
        admin('node1'),
        'http://a/metrics',
      )
      const labels = 'peer="192.168.1.1:179",vrf="default"'
      expect(text).toContain(
        `metallb_speaker_announced{service="default/nginx",protocol="bgp",node="node1",ip="${VIP}"} 1`,
      )
      expect(text).toContain(`metallb_bgp_session_up{${labels}} 0`)
      expect(text).toMatch(new RegExp(`metallb_bgp_notifications_sent\\{${labels}\\} [1-9]`))
      expect(text).toMatch(
        new RegExp(`fairlead_bgp_session_resets\\{${labels},cause="configuration"\\} [1-9]`),
      )
      await lab.kubectl('delete bgppeer router-of-node1 -n metallb-system')
      await until('no series is left', async () => {
        const now = await lab.output(
          'client',
          'curl',
          '-s',
          '--unix-socket',
          admin('node1'),
          'http://a/metrics',
        )
        return now.includes(labels) ? undefined : true
      })
    })
  })
}

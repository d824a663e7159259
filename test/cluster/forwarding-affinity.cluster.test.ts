import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Question } from '#lab/requests/messages.ts'
import { both, families, ForwardingWorld } from './forwarding-world.ts'
import { until } from './test-lab.ts'

/** Which endpoint a client gets again: session affinity, and balance by source or in turn. */

const world = new ForwardingWorld('fwd-affinity')
const selector = { zoo: 'web' }
const PODS = ['one', 'two', 'zwei']
const ASKERS = ['pod/default/asker1', 'pod/default/asker2', 'pod/default/asker3']
const affine = { sessionAffinity: 'ClientIP' }

const timeout = (timeoutSeconds: number) => ({
  ...affine,
  sessionAffinityConfig: { clientIP: { timeoutSeconds } },
})

beforeAll(async () => {
  await world.up()
  const ports = [
    { name: 'http', containerPort: 80 },
    { name: 'dns', containerPort: 53, protocol: 'UDP' as const },
  ]
  await world.pods({
    one: { node: 'node1', labels: selector, ports },
    two: { node: 'node2', labels: selector, ports },
    zwei: { node: 'node2', labels: selector, ports },
    asker1: { node: 'node3' },
    asker2: { node: 'node3' },
    asker3: { node: 'node3' },
  })
})

afterAll(() => world.down())

/** The one pod that answers all of several requests, as soon as it is only one. */
const stuckTo = (from: string, question: Question): Promise<string> =>
  until(`one pod for ${from}`, async () => {
    const [pod, ...more] = await world.who(from, question)
    return more.length === 0 && PODS.includes(pod) ? pod : undefined
  })

const expectSpread = (from: string, question: Question) => world.expectWho(from, question, PODS)

describe('session affinity', () => {
  test('for a ClusterIP, switched on, off and on', async () => {
    const { clusterIP } = await world.service('cluster', { selector, ...affine })
    await both(async (family) => {
      const question = { to: clusterIP[family], port: 80 }
      for (const from of [...ASKERS, 'node/node1', 'node/node3']) {
        const pod = await stuckTo(from, question)
        expect(await world.who(from, question)).toEqual([pod])
      }
    })
    await world.change('cluster', { sessionAffinity: 'None' })
    await both((family) => expectSpread(ASKERS[0], { to: clusterIP[family], port: 80 }))
    await world.change('cluster', affine)
    await both((family) => stuckTo(ASKERS[0], { to: clusterIP[family], port: 80 }))
  })

  test('for a NodePort, switched on, off and on', async () => {
    const { nodePort } = await world.service('nodeport', { selector, type: 'NodePort', ...affine })
    const at = (node: string, family: 4 | 6) => ({ to: world.address(node)[family], port: nodePort() })
    await both(async (family) => {
      for (const node of ['node1', 'node2', 'node3']) {
        for (const from of ['client', 'router']) {
          const pod = await stuckTo(from, at(node, family))
          expect(await world.who(from, at(node, family))).toEqual([pod])
        }
      }
    })
    await world.change('nodeport', { sessionAffinity: 'None' })
    await both((family) => expectSpread('client', at('node1', family)))
    await world.change('nodeport', affine)
    await both((family) => stuckTo('client', at('node1', family)))
  })

  test('is by client and port of the Service, whichever address is asked', async () => {
    const { clusterIP, nodePort } = await world.service('whole', {
      selector,
      type: 'LoadBalancer',
      ...affine,
    })
    const vip = await world.vip('whole')
    await both(async (family) => {
      for (const from of ASKERS) {
        const pod = await stuckTo(from, { to: clusterIP[family], port: 80 })
        const own = { to: world.address('node3')[family], port: nodePort() }
        // Until the client's node has the address as well, another node answers for it, by its own table.
        await world.expectWho(from, { to: vip[family], port: 80 }, [pod])
        await world.expectWho(from, own, [pod])
      }
    })
  })

  test('for UDP', async () => {
    const ports = [{ port: 53, protocol: 'UDP' }]
    const { clusterIP } = await world.service('datagrams', { selector, ports, ...affine })
    await both(async (family) => {
      for (const from of ASKERS) {
        await stuckTo(from, { to: clusterIP[family], port: 53, protocol: 'udp' })
      }
    })
  })

  test('with both policies Local: among the endpoints of the node', async () => {
    const { clusterIP, nodePort } = await world.service('local', {
      selector,
      type: 'NodePort',
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      ...affine,
    })
    await both(async (family) => {
      const inside = { to: clusterIP[family], port: 80 }
      expect(['two', 'zwei']).toContain(await stuckTo('node/node2', inside))
      expect(await stuckTo('node/node1', inside)).toBe('one')
      const outside = { to: world.address('node2')[family], port: nodePort() }
      expect(['two', 'zwei']).toContain(await stuckTo('client', outside))
    })
  })

  test('times out, and every connection begins the time anew', async () => {
    const { clusterIP } = await world.service('timeout', { selector, ...timeout(1) })
    await both(async (family) => {
      const question = { to: clusterIP[family], port: 80 }
      let stuck = await stuckTo(ASKERS[0], question)
      const begun = performance.now()
      let last = begun
      while (last - begun < 2500) {
        const asked = performance.now()
        const { pod = '' } = await world.askOnce(ASKERS[0], question)
        // On a busy machine more than the second may have gone by.
        if (performance.now() - last < 1000) expect(pod).toBe(stuck)
        stuck = pod
        last = asked
        await delay(200)
      }
      // Each time the entry has ended, there is one chance in three to meet the same pod again.
      await until('another pod', async () => {
        await delay(1100)
        return (await world.askOnce(ASKERS[0], question)).pod === stuck ? undefined : true
      })
    })
  })

  test('goes to another endpoint when its own is lost, and stays there', async () => {
    const { clusterIP } = await world.service('lost', { selector, ...affine })
    const plain = await world.service('plain', { selector })
    for (const family of families) {
      const question = { to: clusterIP[family], port: 80 }
      const first = await stuckTo(ASKERS[0], question)
      await world.label(first, { 'lab.fairlead.io/ready': 'false' })
      await until('another pod', async () =>
        (await world.who(ASKERS[0], question)).includes(first) ? undefined : true,
      )
      const second = await stuckTo(ASKERS[0], question)
      await world.label(first, { 'lab.fairlead.io/ready': null })
      await expectSpread(ASKERS[0], { to: plain.clusterIP[family], port: 80 })
      expect(await world.who(ASKERS[0], question)).toEqual([second])
    }
  })

  test('survives a restart of the speaker and changes of other endpoints', async () => {
    const { clusterIP } = await world.service('resync', { selector, ...affine })
    const ask = () =>
      Promise.all(
        families.flatMap((family) =>
          ASKERS.map((from) => stuckTo(from, { to: clusterIP[family], port: 80 })),
        ),
      )
    const before = await ask()
    await world.lab.command('fault', 'stop-speaker', 'node3')
    await world.pod('late', { node: 'node1', labels: selector })
    await world.lab.command('fault', 'start-speaker', 'node3')
    const fresh = await world.service('fresh', { selector })
    await world.expectWho('node/node3', { to: fresh.clusterIP[4], port: 80, count: 40 }, ['late', ...PODS])
    expect(await ask()).toEqual(before)
    await world.deletePods('late')
    await world.expectWho('node/node3', { to: fresh.clusterIP[4], port: 80 }, PODS)
    expect(await ask()).toEqual(before)
  })
})

/** Further addresses of the client, so that it is several clients. */
const NUMBERS = [60, 61, 62, 63, 64, 65, 66, 67]
const ofClient = (number: number, family: 4 | 6) =>
  family === 4 ? `192.168.1.${number}` : `fd00:192:168:1::${number}`

describe('fairlead.io/balance', () => {
  const balance = (how: string) => ({ annotations: { 'fairlead.io/balance': how } })

  test('round-robin: every endpoint the same number of times', async () => {
    const { clusterIP } = await world.service('turns', { selector }, balance('round-robin'))
    await both(async (family) => {
      const question = { to: clusterIP[family], port: 80 }
      await expectSpread(ASKERS[0], question)
      const answers: (string | undefined)[] = []
      for (let at = 0; at < 9; at++) answers.push((await world.askOnce(ASKERS[0], question)).pod)
      for (const pod of PODS)
        expect(
          answers.filter((one) => one === pod),
          answers.join(' '),
        ).toHaveLength(3)
    })
  })

  test('source-hash: one client, one endpoint, on whichever node', async () => {
    const more = families.flatMap((family) =>
      NUMBERS.map((number) => `ip addr add ${ofClient(number, family)}/${family === 4 ? 24 : 64} dev eth0`),
    )
    await world.lab.output('client', 'sh', '-ec', more.join('\n'))
    const { nodePort } = await world.service('hash', { selector, type: 'NodePort' }, balance('source-hash'))
    await both(async (family) => {
      const chosen = new Set<string>()
      for (const number of NUMBERS) {
        const sourceAddress = ofClient(number, family)
        const at = (node: string) => ({ to: world.address(node)[family], port: nodePort(), sourceAddress })
        const pod = await stuckTo('client', at('node1'))
        for (const node of ['node2', 'node3']) expect(await stuckTo('client', at(node))).toBe(pod)
        chosen.add(pod)
      }
      expect(chosen.size).toBeGreaterThan(1)
    })
  })
})

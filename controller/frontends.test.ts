import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Service } from '#kube/objects/service.ts'
import { claimedCondition, FrontendIndex, frontendsOf } from './frontends.ts'
import { ingress, service } from './test-services.ts'

const claimant = (name: string, created: string, externalIPs: string[], more: object = {}) =>
  service(name, {
    creationTimestamp: created,
    spec: { type: 'ClusterIP', clusterIPs: [], externalIPs, ...more },
  })

describe('what a Service claims', () => {
  const both = { clusterIPs: ['10.96.0.1', 'fd00:96::1'] }
  test.each([
    ['a ClusterIP of each family', { spec: both }, ['10.96.0.1:80/tcp', '[fd00:96::1]:80/tcp']],
    [
      'what old objects have as zeros in front of octets, as the API server reads them',
      { spec: { clusterIPs: ['10.96.0.1'], externalIPs: ['192.000.02.010'] } },
      ['10.96.0.1:80/tcp', '192.0.2.10:80/tcp'],
    ],
    [
      'external IPs and virtual addresses, with every port',
      {
        spec: {
          clusterIPs: ['10.96.0.1'],
          externalIPs: ['192.0.2.1'],
          ports: [
            { name: 'a', port: 53, protocol: 'UDP' },
            { name: 'b', port: 53 },
          ],
        },
        status: ingress('192.0.2.2'),
      },
      ['10.96.0.1', '192.0.2.1', '192.0.2.2'].flatMap((ip) => [`${ip}:53/udp`, `${ip}:53/tcp`]),
    ],
    [
      'whatever the way an address is written, once',
      { spec: { ...both, externalIPs: ['FD00:0::5', 'fd00::5'] } },
      ['10.96.0.1:80/tcp', '[fd00:96::1]:80/tcp', '[fd00::5]:80/tcp'],
    ],
    [
      'nothing of a family without a ClusterIP, or that is no address',
      { spec: { clusterIPs: ['10.96.0.1'], externalIPs: ['fd00::5', 'x'] } },
      ['10.96.0.1:80/tcp'],
    ],
    [
      'no address that something else answers for',
      { status: { loadBalancer: { ingress: [{ ip: '192.0.2.2', ipMode: 'Proxy' }, { hostname: 'a.b' }] } } },
      ['1.2.3.4:80/tcp'],
    ],
    [
      'no address of its time as a load balancer',
      { spec: { type: 'NodePort' }, status: ingress('192.0.2.2') },
      ['1.2.3.4:80/tcp'],
    ],
    ['nothing when headless', { spec: { clusterIPs: ['None'], externalIPs: ['192.0.2.1'] } }, []],
    ['nothing when it is a name', { spec: { type: 'ExternalName' } }, []],
    ['nothing when another proxy has it', { labels: { 'service.kubernetes.io/service-proxy-name': '' } }, []],
  ])('%s', (_what, more, frontends) => {
    expect([...frontendsOf(service('web', more))].sort()).toEqual([...frontends].sort())
  })
})

describe('who has a frontend', () => {
  const own = { clusterIPs: ['10.96.0.1'] }
  /** With what came before, as a store tells it. */
  class Fed {
    readonly index = new FrontendIndex()
    readonly #known = new Map<string, Service>()

    put(name: string, created: string, ...ips: string[]): string[] {
      return this.#set(name, claimant(name, created, ips, { ...own, clusterIPs: [ipOf(name)] }))
    }

    remove(name: string): string[] {
      return this.#set(name, undefined)
    }

    /** What a look at everything says. */
    taken(key: string): string[] {
      const claims = [...this.#known].flatMap(([name, service]) =>
        [...frontendsOf(service)].map((frontend) => ({
          frontend,
          age: `${service.creationTimestamp} ${name}`,
          owner: `test/${name}`,
        })),
      )
      return claims
        .filter(({ owner }) => owner === key)
        .flatMap(({ frontend }) => {
          const [first] = claims
            .filter((one) => one.frontend === frontend)
            .sort((a, b) => (a.age < b.age ? -1 : 1))
          return first.owner === key ? [] : [`${frontend} ${first.owner}`]
        })
        .sort()
    }

    #set(name: string, service: Service | undefined): string[] {
      const affected = this.index.set(`test/${name}`, this.#known.get(name), service)
      if (service === undefined) this.#known.delete(name)
      else this.#known.set(name, service)
      return [...affected].sort()
    }
  }
  const ipOf = (name: string) => `10.96.1.${name.charCodeAt(0)}`

  test('the older one; the other is told, and told again when it may have it', () => {
    const fed = new Fed()
    const { index } = fed
    expect(fed.put('b', '2025', '192.0.2.1', '192.0.2.2')).toEqual([])
    expect(fed.put('a', '2026', '192.0.2.1')).toEqual(['test/a'])
    expect(index.taken('test/a')).toEqual([{ frontend: '192.0.2.1:80/tcp', holder: 'test/b' }])
    expect([...index.losers()]).toEqual(['test/a'])
    expect(fed.put('b', '2025', '192.0.2.2')).toEqual(['test/a'])
    expect([index.taken('test/a'), index.losers().size]).toEqual([[], 0])
  })

  test('a third one learns who is before it now', () => {
    const fed = new Fed()
    const { index } = fed
    fed.put('a', '2024', '192.0.2.1')
    fed.put('b', '2025', '192.0.2.1')
    fed.put('c', '2026', '192.0.2.1')
    expect(fed.remove('a')).toEqual(['test/b', 'test/c'])
    expect([index.taken('test/b'), index.taken('test/c')]).toEqual([
      [],
      [{ frontend: '192.0.2.1:80/tcp', holder: 'test/b' }],
    ])
  })

  test('a change of anything else concerns nobody', () => {
    const fed = new Fed()
    fed.put('a', '2024', '192.0.2.1')
    fed.put('b', '2025', '192.0.2.1')
    expect([fed.put('a', '2024', '192.0.2.1'), fed.put('b', '2025', '192.0.2.1')]).toEqual([[], []])
  })

  test('an external IP that is a ClusterIP of another', () => {
    const fed = new Fed()
    fed.put('a', '2024')
    expect(fed.put('b', '2025', ipOf('a'))).toEqual(['test/b'])
  })

  test('whatever came before, everybody whose answer changes is named', () => {
    const names = ['a', 'b', 'c', 'd']
    const ips = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
    const step = fc.record({
      name: fc.constantFrom(...names),
      created: fc.constantFrom('2024', '2025'),
      ips: fc.option(fc.subarray(ips), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const fed = new Fed()
        const { index } = fed
        const answers = () => new Map(names.map((name) => [`test/${name}`, index.taken(`test/${name}`)]))
        for (const { name, created, ips } of steps) {
          const before = answers()
          const affected =
            ips === undefined ? new Set(fed.remove(name)) : new Set(fed.put(name, created, ...ips))
          for (const [key, taken] of answers()) {
            expect(affected.has(key) || JSON.stringify(taken) === JSON.stringify(before.get(key))).toBe(true)
            expect(index.losers().has(key)).toBe(taken.length > 0)
            expect(taken.map(({ frontend, holder }) => `${frontend} ${holder}`).sort()).toEqual(
              fed.taken(key),
            )
          }
        }
      }),
    )
  })
})

test('the condition names a few frontends and counts the rest', () => {
  expect(claimedCondition([])).toBeUndefined()
  const taken = Array.from({ length: 7 }, (_, port) => ({ frontend: `192.0.2.1:${port}/tcp`, holder: 'a/b' }))
  const { message } = claimedCondition(taken)!
  expect(message).toContain('192.0.2.1:4/tcp belongs to the older Service a/b; and 2 more')
})

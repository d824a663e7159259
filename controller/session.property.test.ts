import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import { emptyConfig, type Pool } from '#crds/config.ts'
import { keyOf } from '#kube/api.ts'
import type { Service } from '#kube/objects/service.ts'
import { allocation, pool } from './allocator/test-pools.ts'
import { POOL_ANNOTATION } from './request.ts'
import { byAge, Session } from './session.ts'
import { ingress, service } from './test-services.ts'

const configurations: Pool[][] = [
  [pool('a', ['10.0.0.0/30', 'fd00::/127'])],
  [pool('a', ['10.0.0.0/31']), pool('b', ['10.0.0.2/31', 'fd00::/126'])],
  [
    pool(
      'b',
      ['10.0.0.2/31', 'fd00::/127'],
      allocation({ serviceSelectors: [{ matchLabels: { team: 'x' } }] }),
    ),
  ],
  [pool('c', ['10.0.0.0/32'], { autoAssign: false }), pool('d', ['10.0.9.0/31'])],
  [],
]

const families = fc.constantFrom(['1.1.1.1'], ['::1'], ['1.1.1.1', '::1'])
const shape = fc.record({
  clusterIPs: families,
  policy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
  team: fc.constantFrom('x', 'y'),
  annotations: fc.constantFrom<Record<string, string>>(
    {},
    {},
    { 'metallb.io/address-pool': 'a' },
    { 'metallb.io/loadBalancerIPs': '10.0.0.1' },
    { 'metallb.io/allow-shared-ip': 'k' },
  ),
  port: fc.constantFrom(80, 443),
})
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never
const name = fc.constantFrom('s1', 's2', 's3', 's4', 's5')
type Step = { put: string; shape: Shape } | { remove: string } | { pools: number }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ put: name, shape }) },
  { weight: 2, arbitrary: fc.record({ remove: name }) },
  { weight: 2, arbitrary: fc.record({ pools: fc.nat(configurations.length - 1) }) },
)

/** The cluster and its controller, in which every write succeeds at once. */
class World {
  readonly services = new Map<string, Service>()
  config = { ...emptyConfig, pools: configurations[0] }
  session = this.newSession()
  #created = 0

  newSession(): Session {
    return new Session('', this.config, [], [], [...this.services.values()])
  }

  apply(one: Step): void {
    if ('pools' in one) {
      this.config = { ...emptyConfig, pools: configurations[one.pools] }
      return this.#settle(this.session.setConfig(this.config, []))
    }
    if ('remove' in one) {
      this.services.delete(`test/${one.remove}`)
      this.session.forget(`test/${one.remove}`)
      return this.#settle([])
    }
    const present = this.services.get(`test/${one.put}`)
    const { clusterIPs, policy, team, annotations, port } = one.shape
    const next = service(one.put, {
      labels: { team },
      annotations,
      creationTimestamp:
        present?.creationTimestamp ?? `2026-01-01T00:00:${String(this.#created++ % 60).padStart(2, '0')}Z`,
      spec: { clusterIPs, ipFamilyPolicy: policy, ports: [{ port }] },
      status: ingress(...(present?.ingress.map(({ ip }) => ip ?? '') ?? [])),
    })
    this.services.set(keyOf(next), next)
    this.#settle([keyOf(next)])
  }

  /** Decides the dirty keys, writes, and goes on with those that this gives hope to. */
  #settle(dirty: readonly string[]): void {
    const queue = new Set([...dirty, ...this.session.takeHopeful()])
    for (const key of queue) {
      queue.delete(key)
      this.#decide(key)
      for (const hopeful of this.session.takeHopeful()) queue.add(hopeful)
    }
  }

  #decide(key: string): void {
    const present = this.services.get(key)
    if (present === undefined) return
    const decision = this.session.decide(present)
    if ('notOurs' in decision) return
    const annotations = { ...present.annotations, [POOL_ANNOTATION]: decision.pool }
    const given = decision.addresses.map((address) => ({ ip: formatAddress(address) }))
    this.services.set(key, { ...present, annotations, ingress: given })
  }
}

const addressesIn = (session: Session, services: Iterable<Service>) =>
  new Map(
    [...services].map((one) => {
      const decision = session.decide(one)
      return [keyOf(one), 'notOurs' in decision ? [] : decision.addresses.map(formatAddress)]
    }),
  )

test('after any history a restart, which looks at everything, changes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const world = new World()
      for (const one of steps) {
        world.apply(one)
        const has = new Map(
          [...world.services].map(([key, { ingress: given }]) => [key, given.map(({ ip }) => ip)]),
        )
        const again = addressesIn(world.newSession(), [...world.services.values()].sort(byAge))
        expect(again).toEqual(has)
      }
    }),
    { numRuns: 150 },
  )
})

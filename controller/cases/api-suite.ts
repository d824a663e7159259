import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatRange, type AddressRange } from '#inet/range.ts'
import type { Pool } from '#crds/config.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { startController, type ControllerProcess } from '../main.ts'
import { POOL_ANNOTATION } from '../request.ts'
import { ADDRESS_ASSIGNED } from '../status-patch.ts'
import { rawService } from '../test-services.ts'
import { ownCases, upstreamCases, type ServiceCase } from './service-cases.ts'

export interface ApiUnderTest {
  readonly api: KubeApi
  close(): Promise<void>
}

interface Options {
  /** the server gives out cluster IPs itself; the cases ask for families then */
  readonly clusterIPs: boolean
  readonly only?: RegExp
}

const namespace = 'metallb-system'
/** What no API server accepts, or only a Service that is not complete. */
const NOT_A_SERVICE = /headless|no cluster IP|A28/

/**
 * The cases of a Service through an API server, with a controller that knows nothing of the test: objects go in,
 * status, annotation, condition and events come out.
 * @param make an API server without objects, on the given clock
 */
export function serviceCasesSuite(
  name: string,
  make: (clock: TestClock) => Promise<ApiUnderTest>,
  { clusterIPs, only = /./ }: Options,
): void {
  describe(`Service cases: ${name}`, () => {
    let clock: TestClock
    let made: ApiUnderTest
    let controller: ControllerProcess

    beforeEach(async () => {
      clock = new TestClock()
      made = await make(clock)
    })
    afterEach(async () => {
      await controller.stop()
      await made.close()
    })

    async function check(one: ServiceCase): Promise<void> {
      const { api } = made
      for (const team of ['metallb-system', 'test', 'test-ns1', 'test-ns2'])
        await api.create(resources.namespaces, { metadata: { name: team } })
      for (const pool of one.pools) await api.create(resources.ipAddressPools, rawPool(pool))
      const object = rawService('svc', one.service)
      const { status, ...body } = clusterIPs ? object : { ...object, spec: withFamilies(object.spec) }
      await api.create(resources.services, body as KubeObject)
      const key = { namespace: body.metadata.namespace, name: 'svc' }
      if (Object.keys(status).length > 0)
        await api.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
      const options = { api, clock, namespace, identity: 'one', loadBalancerClass: '', log: silentLogger }
      controller = await startController({ ...options, leaderElect: false })
      await clock.advance(2000)
      expect(controller.ready()).toEqual({ ok: true, reason: '' })
      const service = projectService(await api.get(resources.services, key))
      const untouched = one.addresses[0] === 'NotLoadBalancer'
      const addresses = untouched ? [] : one.addresses
      expect(service.ingress.map(({ ip }) => ip)).toEqual(addresses)
      if (one.pool !== undefined) expect(service.annotations[POOL_ANNOTATION]).toBe(one.pool)
      const condition = service.conditions.find(({ type }) => type === ADDRESS_ASSIGNED)
      expect(condition?.status).toBe(untouched ? undefined : addresses.length > 0 ? 'True' : 'False')
      const { items } = await api.list(resources.events, { namespace: key.namespace })
      const events = items.map((item) => {
        const { type, reason } = item as KubeObject & { type: string; reason: string }
        return `${type} ${reason}`
      })
      // Of deprecated annotations the controller speaks by itself.
      const decided = events.filter((event) => event !== 'Warning deprecatedAnnotation')
      expect(decided.sort()).toEqual([...one.events].sort())
    }

    const sample = [...upstreamCases, ...ownCases].filter(
      (one) => only.test(one.name) && !NOT_A_SERVICE.test(one.name),
    )
    test.each(sample)('$name', check)
  })
}

const text = (range: AddressRange): string => formatRange(range)

const rawPool = ({ name, ranges, excludes, autoAssign, avoidBuggyIPs, allocation }: Pool): KubeObject =>
  ({
    apiVersion: 'metallb.io/v1beta1',
    kind: 'IPAddressPool',
    metadata: { namespace, name },
    spec: {
      addresses: ranges.map(text),
      ...(excludes === undefined ? {} : { excludes: excludes.map(text) }),
      autoAssign,
      avoidBuggyIPs,
      ...(allocation === undefined ? {} : { serviceAllocation: allocation }),
    },
  }) as KubeObject

/** The same Service for a server that gives out cluster IPs. */
function withFamilies({
  clusterIPs,
  ...spec
}: {
  clusterIPs: readonly string[]
  ipFamilyPolicy?: string
}): object {
  const ipFamilies = clusterIPs.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'))
  const ipFamilyPolicy = spec.ipFamilyPolicy ?? (ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack')
  return { ...spec, ipFamilies, ipFamilyPolicy }
}

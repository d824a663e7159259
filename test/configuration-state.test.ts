import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allCases } from '#crds/cases/all.ts'
import type { ConfigurationCase } from '#crds/cases/case.ts'
import { manifestOf, resourceOf } from '#crds/cases/manifest.ts'
import type { ConfigurationStateStatus } from '#crds/objects.ts'
import type { ConfigObjects } from '#crds/parse.ts'
import { startController, type ControllerProcess } from '#controller/main.ts'
import { ApiServer } from '#lab/api/server.ts'
import { seedObjects } from '#lab/cluster/seed.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { until } from './netns.ts'

const namespace = 'metallb-system'
const LIMIT_MS = 5000

/** The first of each number that only the whole configuration shows, or that CEL would refuse (there is none here). */
const sample = (severity: 'error' | 'warning'): (readonly [string, ConfigurationCase])[] => {
  const seen = new Set<string>()
  return allCases.filter(([, { number, section, problem, schema }]) => {
    const key = `${number} ${section}`
    const byRule =
      schema === undefined || !/Required|Duplicate|type|less|greater|Unsupported|match/.test(schema.source)
    if (problem?.severity !== severity || !byRule || seen.has(key)) return false
    seen.add(key)
    return true
  })
}

describe('configuration through an API server, a controller and its ConfigurationState', () => {
  let server: ApiServer
  let api: KubeApi
  let controller: ControllerProcess

  beforeAll(async () => {
    server = new ApiServer({ serviceCidrs: ['10.96.0.0/16'], tokens: {} })
    server.applyManifest(seedObjects())
    api = server.local('test')
    controller = await startController({
      api: server.local('controller'),
      clock: systemClock,
      namespace,
      identity: 'one',
      loadBalancerClass: '',
      log: silentLogger,
      leaderElect: false,
    })
    await until('the controller is ready', async () => controller.ready().ok, LIMIT_MS)
  })

  afterAll(async () => {
    await controller?.stop()
    await server?.close()
  })

  const status = async (): Promise<ConfigurationStateStatus> => {
    const key = { namespace, name: 'controller' }
    const found = await api.get(resources.configurationStates, key).catch(() => undefined)
    return (found as (KubeObject & { status?: ConfigurationStateStatus }) | undefined)?.status ?? {}
  }

  async function withObjects(
    { before, section, object }: ConfigurationCase,
    check: () => Promise<void>,
  ): Promise<void> {
    const all = [
      ...Object.entries(before).flatMap(([name, list]) =>
        list.map((one) => [name as keyof ConfigObjects, one] as const),
      ),
      [section, object] as const,
    ]
    for (const [name, one] of all) await api.create(resourceOf(name), manifestOf(name, one, namespace))
    try {
      await check()
    } finally {
      for (const [name, one] of all)
        await api.delete(resourceOf(name), { namespace, name: one.metadata.name })
    }
  }

  test.each(sample('error'))('%s, and the state is invalid until it is gone', async (_title, one) => {
    await withObjects(one, async () => {
      await until('the state is invalid', async () => (await status()).result === 'Invalid', LIMIT_MS)
      const { errorSummary, conditions = [] } = await status()
      expect(errorSummary).toMatch(one.problem!.message)
      expect(errorSummary).toContain(`${namespace}/under-test ${one.problem!.field}`)
      const config = conditions.find(({ type }) => type === 'configReconcilerValid')
      expect(config).toMatchObject({ status: 'False', reason: 'ConfigurationError', message: errorSummary })
      const pools = conditions.find(({ type }) => type === 'poolReconcilerValid')
      expect(pools?.status).toBe(one.section === 'pools' ? 'False' : 'True')
    })
    await until('the state is valid', async () => (await status()).result === 'Valid', LIMIT_MS)
  })

  const references = sample('warning').filter(([, { problem }]) =>
    /non existing|in force/.test(problem!.message.source),
  )

  test.each(references)('%s, and the state stays valid', async (_title, one) => {
    const resolved = async () =>
      (await status()).conditions?.find(({ type }) => type === 'fairlead.io/ReferencesResolved')?.status
    await withObjects(one, async () => {
      await until('a reference is not resolved', async () => (await resolved()) === 'False', LIMIT_MS)
      expect(await status()).toMatchObject({ result: 'Valid', errorSummary: '' })
    })
    await until('every reference is resolved', async () => (await resolved()) === 'True', LIMIT_MS)
  })

  test('the samples are more than a few', () => {
    expect(sample('error').length).toBeGreaterThan(20)
    expect(references.length).toBeGreaterThan(2)
  })
})

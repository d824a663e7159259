import { execFileSync, spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resources } from '#kube/resources.ts'
import { NAMESPACE } from './product.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const CHART = join(import.meta.dirname, '../../helm/fairlead')
/** Where `go install` puts it, beside the PATH. */
const helm = ['helm', join(homedir(), 'go/bin/helm')].find(
  (program) => spawnSync(program, ['version']).error === undefined,
)
const missing = helm === undefined ? ' (skipped: there is no helm on this machine)' : ''

const template = (...set: string[]): string => {
  const settings = set.flatMap((one) => ['--set', one])
  const place = ['fairlead', CHART, '--namespace', NAMESPACE, '--include-crds', '--kube-version', '1.36']
  return execFileSync(helm as string, ['template', ...place, ...settings], { encoding: 'utf8' })
}

describe.skipIf(helm === undefined)(`what the chart makes${missing}`, () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await startTestCluster()
    await cluster.admin.create(resources.namespaces, { metadata: { name: NAMESPACE } })
  })
  afterAll(() => cluster?.stop())

  test.each([
    ['as it is', []],
    [
      'with forwarding',
      ['forwarding.mode=full', 'forwarding.apiServer.host=192.0.2.1', 'forwarding.clusterCIDR=10.244.0.0/16'],
    ],
    ['with a class and one controller', ['loadBalancerClass=example.com/a', 'controller.replicas=1']],
  ])('is taken by the API server: %s', async (_name, set) => {
    const text = template(...set)
    const { code, out, err } = await cluster.kubectl.run('apply --server-side --dry-run=server -f -', text)
    // Warnings (deprecated fields, unknown fields) are for us to read.
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const kinds = out
      .trimEnd()
      .split('\n')
      .map((line) => line.split('/')[0].split('.')[0])
    expect(new Set(kinds)).toEqual(
      new Set([
        'customresourcedefinition',
        'serviceaccount',
        'clusterrole',
        'clusterrolebinding',
        'role',
        'rolebinding',
        'deployment',
        'daemonset',
      ]),
    )
  })

  test('is taken again when it is installed and upgraded', async () => {
    await cluster.kubectl.ok('apply --server-side -f -', template())
    const { code, err } = await cluster.kubectl.run(
      'apply --server-side -f -',
      template('controller.replicas=3'),
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const replicas = await cluster.kubectl.ok(
      `-n ${NAMESPACE} get deployment fairlead-controller -o jsonpath={.spec.replicas}`,
    )
    expect(replicas).toBe('3')
  })
})

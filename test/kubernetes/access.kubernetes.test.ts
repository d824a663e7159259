import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resources } from '#kube/resources.ts'
import { installProduct, NAMESPACE, type ComponentUser } from './product.ts'
import { ProductProcess } from './product-process.ts'
import { freePort, startTestCluster, type TestCluster } from './test-cluster.ts'

let cluster: TestCluster
let controller: ProductProcess
let port: number
let controllerUser: ComponentUser
let speakerUser: ComponentUser

/** What a person who may look at Fairlead is granted. */
const reader = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: NAMESPACE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'stranger', namespace: NAMESPACE } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'fairlead-reader' },
    rules: [{ nonResourceURLs: ['/fairlead/api/v1/*'], verbs: ['get'] }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'fairlead-reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'fairlead-reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: NAMESPACE }],
  },
]

const tokenOf = async (account: string): Promise<string> =>
  (await cluster.kubectl.ok(`-n ${NAMESPACE} create token ${account}`)).trim()

/** Status of an answer of the admin API. */
const ask = (path: string, token?: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    get({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).once('error', reject)
  })

beforeAll(async () => {
  cluster = await startTestCluster()
  const product = await installProduct(cluster.admin)
  controllerUser = product.controller
  speakerUser = product.speaker
  await cluster.kubectl.ok('apply -f -', ...reader)
  port = await freePort()
  controller = await ProductProcess.start(cluster, {
    name: 'controller',
    args: ['controller', '--admin-address', `127.0.0.1:${port}`],
    user: controllerUser,
  })
  await controller.whenReady()
})

afterAll(async () => {
  await controller?.stop()
  await cluster?.stop()
})

describe('RBAC', () => {
  test('refuses a user who was granted nothing', async () => {
    const nobody = await cluster.as({ user: 'nobody' })
    await expect(nobody.list(resources.services, {})).rejects.toMatchObject({ code: 'FL_KUBE_FORBIDDEN' })
  })

  test('lets a speaker list what it watches', async () => {
    const api = await cluster.as(speakerUser)
    for (const resource of [resources.services, resources.endpointSlices, resources.speakerStatuses]) {
      await expect(api.list(resource, {})).resolves.toBeDefined()
    }
    await expect(api.list(resources.ipAddressPools, { namespace: NAMESPACE })).resolves.toBeDefined()
  })
})

describe('the admin API asks the API server who may see it', () => {
  test('a token of a service account that was granted the path', async () => {
    expect(await ask('/api/v1/status', await tokenOf('reader'))).toBe(200)
  })

  test('a token of one that was not', async () => {
    expect(await ask('/api/v1/status', await tokenOf('stranger'))).toBe(403)
  })

  test('no token, and what is none', async () => {
    expect(await ask('/api/v1/status')).toBe(401)
    expect(await ask('/api/v1/status', 'not-a-token')).toBe(401)
    const token = await tokenOf('reader')
    expect(await ask('/api/v1/status', `${token.slice(0, -8)}AAAAAAAA`)).toBe(401)
  })

  test('a token of an account that is gone', async () => {
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'leaver', namespace: NAMESPACE },
    }
    await cluster.kubectl.ok('apply -f -', account)
    const token = await tokenOf('leaver')
    await cluster.kubectl.ok(`-n ${NAMESPACE} delete serviceaccount leaver`)
    expect(await ask('/api/v1/status', token)).toBe(401)
  })

  test('a process in a Pod has such a token: it is who its service account is', async () => {
    const token = await tokenOf('controller')
    const { server, certificateAuthority } = cluster.kubernetes
    const place = `--kubeconfig /dev/null --server ${server} --certificate-authority ${certificateAuthority}`
    const out = await cluster.kubectl.ok(`${place} --token ${token} auth whoami -o json`)
    const { status } = JSON.parse(out) as { status: { userInfo: { username: string; groups: string[] } } }
    expect(status.userInfo.username).toBe(controllerUser.user)
    expect(status.userInfo.groups).toEqual(expect.arrayContaining([...controllerUser.groups]))
  })

  test('the API server refused the controller nothing', () => expect(controller.troubles()).toEqual([]))
})

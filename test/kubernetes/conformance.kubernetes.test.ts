import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubeApiSuite } from '#kube/conformance-suite.ts'
import { ApiServer } from '#lab/api/server.ts'
import { applyDialogues } from './dialogues/apply.ts'
import { kindDialogues } from './dialogues/cluster-kinds.ts'
import { customDialogues } from './dialogues/custom.ts'
import type { Dialogue } from './dialogues/dialogue.ts'
import { hold, type Answer, type Ask } from './dialogues/hold.ts'
import { objectDialogues } from './dialogues/objects.ts'
import { readDialogues } from './dialogues/reads.ts'
import { serviceDialogues } from './dialogues/services.ts'
import { crdObjects, installProduct } from './product.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const all: readonly Dialogue[] = [
  ...objectDialogues,
  ...readDialogues,
  ...applyDialogues,
  ...customDialogues,
  ...serviceDialogues,
  ...kindDialogues,
]
const ADMIN = { user: 'admin', groups: ['system:masters'] }

let cluster: TestCluster
let lab: ApiServer
let askReal: Ask
let askLab: Ask

beforeAll(async () => {
  cluster = await startTestCluster()
  await installProduct(cluster.admin)
  const { server, certificateAuthority } = cluster.kubernetes
  const pair = await cluster.kubernetes.certificate(ADMIN.user, ADMIN.groups)
  askReal = asker(server, {
    ca: readFileSync(certificateAuthority),
    cert: readFileSync(pair.certificate),
    key: readFileSync(pair.key),
  })
  lab = new ApiServer({
    serviceCidrs: ['10.96.0.0/16', 'fd00:10:96::/112'],
    authorization: 'rbac',
    tokens: { admin: ADMIN },
  })
  lab.applyManifest(crdObjects())
  const { port } = await lab.listen({ host: '127.0.0.1', port: 0 })
  askLab = asker(`https://127.0.0.1:${port}`, { ca: lab.ca }, { authorization: 'Bearer admin' })
})

afterAll(async () => {
  await lab?.close()
  await cluster?.stop()
})

kubeApiSuite('a real kube-apiserver', async () => ({
  api: cluster.admin,
  namespace: 'default',
  close: async () => undefined,
}))

describe("the lab's API server answers as the real one", () => {
  test('all dialogues have names of their own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  })

  test.each(all.map((one, index) => [one.name, one, index] as const))(
    '%s',
    async (_name, dialogue, index) => {
      const namespace = `dialogue-${index}`
      const [real, answers] = await Promise.all(
        [askReal, askLab].map((ask) => hold(ask, dialogue, namespace)),
      )
      expect(labelled(dialogue, answers)).toEqual(labelled(dialogue, real))
    },
  )
})

/** With the request, so that a difference shows where it is. */
const labelled = ({ steps }: Dialogue, answers: readonly Answer[]): object[] =>
  answers.map((answer, step) => ({ request: `${steps[step].method} ${steps[step].path}`, ...answer }))

/** One connection a request, so that none is left open. */
const asker =
  (server: string, tls: object, more: Readonly<Record<string, string>> = {}): Ask =>
  ({ method, path, headers, body = '' }) =>
    new Promise((resolve, reject) => {
      const length = { 'content-length': String(Buffer.byteLength(body)) }
      const options = { ...tls, method, agent: false, headers: { ...headers, ...more, ...length } }
      const sent = request(`${server}${path}`, options, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      })
      sent.once('error', reject)
      sent.end(body)
    })

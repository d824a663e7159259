import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '#kube/connect.ts'
import type { KubeClient } from '#kube/client.ts'
import { projectEndpointSlice, type EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import { projectNode } from '#kube/objects/node.ts'
import { isPodReady, labResources, type Pod } from '#lab/cluster/objects.ts'
import type { LabInfo } from '#lab/info.ts'
import type { EchoAnswer } from '#lab/kubelet/echo-messages.ts'
import { TestLab, until } from './test-lab.ts'

/** The lab itself, without Fairlead: what all other cluster tests stand on. */

const testLab = new TestLab('self')
const NAME = testLab.name
const lab = (...args: string[]) => testLab.command(...args)
const exec = (place: string, ...command: string[]) => testLab.exec(place, ...command)

/** Command lines of the processes that belong to this lab. */
function processes(): string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const line = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'utf8') : ''
      return line.includes(`${NAME}/`) || line.includes(`"${NAME}"`) ? [line.replaceAll('\0', ' ')] : []
    } catch {
      return []
    }
  })
}

const ask = async (place: string, url: string): Promise<EchoAnswer> =>
  JSON.parse((await exec(place, 'curl', '-sgm', '3', url)).stdout) as EchoAnswer

const ping = async (address: string): Promise<number> =>
  (await exec('client', 'ping', '-c1', '-W1', address)).code

describe('lab', () => {
  let info: LabInfo
  let api: KubeClient

  beforeAll(async () => {
    const up = await lab('up', '--detach', '--no-controller', '--no-speakers')
    expect(up).toMatchObject({ code: 0, stderr: '' })
    info = JSON.parse((await lab('info')).stdout) as LabInfo
    api = await connect({ kubeconfig: info.kubeconfig, userAgent: 'lab-test' })
    const labels = { app: 'echo' }
    const ports = [
      { name: 'web', containerPort: 8080 },
      { name: 'dns', containerPort: 53, protocol: 'UDP' },
    ]
    const containers = [{ name: 'echo', image: 'anything', ports }]
    const spec = {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    }
    const metadata = { name: 'echo', namespace: 'default' }
    await api.create(labResources.deployments, { metadata, spec } as never)
    const service = {
      ipFamilyPolicy: 'RequireDualStack',
      selector: labels,
      ports: [{ port: 80, targetPort: 'web' }],
    }
    await api.create(labResources.services, { metadata, spec: service } as never)
  })

  afterAll(async () => {
    api?.close()
    await lab('down')
  })

  const pods = async (): Promise<Pod[]> =>
    (await api.list(labResources.pods, { namespace: 'default', labelSelector: 'app=echo' })).items as Pod[]

  const readyPods = () =>
    until('it', async () => {
      const found = await pods()
      return found.length === 3 && found.every(isPodReady) ? found : undefined
    })

  const slices = async (): Promise<EndpointSlice[]> => {
    const labelSelector = 'kubernetes.io/service-name=echo'
    const { items } = await api.list(labResources.endpointSlices, { namespace: 'default', labelSelector })
    return items.map(projectEndpointSlice)
  }

  const readyCount = async (): Promise<number> =>
    (await slices()).flatMap((slice) => slice.endpoints).filter((endpoint) => endpoint.ready).length

  it('answers Kubernetes clients outside with three nodes that are ready', async () => {
    const { items } = await api.list(labResources.nodes, {})
    const nodes = items.map(projectNode)
    expect(nodes.map((node) => [node.name, node.ready, node.internalIPs])).toEqual([
      ['node1', true, ['192.168.1.11', 'fd00:192:168:1::11']],
      ['node2', true, ['192.168.1.12', 'fd00:192:168:1::12']],
      ['node3', true, ['192.168.1.13', 'fd00:192:168:1::13']],
    ])
    expect(info.nodes.map((node) => node.podCIDRs)).toEqual(nodes.map((node) => node.podCIDRs))
  })

  it('spreads the pods of a Deployment and lists them in slices of both families', async () => {
    const found = await readyPods()
    expect(found.map((pod) => pod.spec.nodeName).sort()).toEqual(['node1', 'node2', 'node3'])
    const listed = await until('it', async () => {
      const now = await slices()
      const ready = now.flatMap((slice) => slice.endpoints).filter((endpoint) => endpoint.ready)
      return ready.length === 6 ? now : undefined
    })
    expect(listed.map((slice) => slice.addressType).sort()).toEqual(['IPv4', 'IPv6'])
    expect(listed[0].ports).toEqual([{ name: '', protocol: 'TCP', port: 8080 }])
  })

  it('routes between client, nodes and pods, in both families', async () => {
    const [first, second] = await readyPods()
    const [v4, v6] = (second.status?.podIPs ?? []).map((one) => one.ip)
    const identity = {
      pod: second.metadata.name,
      namespace: 'default',
      node: second.spec.nodeName,
      podIP: v4,
    }
    const fromClient = await ask('client', `http://${v4}:8080/a?b`)
    expect(fromClient).toMatchObject({ ...identity, protocol: 'TCP', path: '/a?b' })
    expect(fromClient.client).toMatch(/^192\.168\.1\.5:\d+$/)
    const fromPod = await ask(`pod/default/${first.metadata.name}`, `http://[${v6}]:8080/`)
    expect(fromPod).toMatchObject(identity)
    expect(fromPod.client).toMatch(new RegExp(`^\\[${first.status?.podIPs?.[1].ip}\\]:\\d+$`))
  })

  it('serves UDP ports', async () => {
    const [{ status }] = await readyPods()
    const script = `const s = require('dgram').createSocket('udp4')
      s.on('message', (m) => { process.stdout.write(m); s.close() }); s.send('x', 53, '${status?.podIP}')`
    const { stdout } = await exec('client', process.execPath, '-e', script)
    expect(JSON.parse(stdout)).toMatchObject({ podIP: status?.podIP, protocol: 'UDP' })
  })

  it('keeps exit codes and standard output of exec, and refuses unknown places', async () => {
    expect(await exec('router', 'sh', '-c', 'echo here; exit 7')).toEqual({
      code: 7,
      stdout: 'here\n',
      stderr: '',
    })
    const nowhere = await exec('node/node9', 'true')
    expect(nowhere.code).toBe(1)
    expect(nowhere.stderr).toContain('there is no node node9')
  })

  it('runs a router whose own client works', async () => {
    const { stdout } = await exec('router', 'birdc', 'show', 'protocols')
    expect(stdout).toMatch(/lan4\s+BGP/)
    expect(info.router).toMatchObject({ kind: 'bird', asn: 64512 })
  })

  it('refuses a second lab of the same name', async () => {
    const second = await lab('up', '--detach')
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`a lab named ${NAME} is running already`)
  })

  it('takes a pod out of the ready endpoints when its label says so, and back', async () => {
    const [{ metadata }] = await readyPods()
    const key = { namespace: 'default', name: metadata.name }
    for (const [value, count] of [
      ['false', 4],
      ['true', 6],
    ] as const) {
      const labels = { 'lab.fairlead.io/ready': value }
      await api.patch(labResources.pods, key, { metadata: { labels } }, { type: 'merge' })
      await until('it', async () => ((await readyCount()) === count ? true : undefined))
    }
  })

  it('lets a deleted pod serve for a while, terminating, and replaces it', async () => {
    const [{ metadata, status }] = await readyPods()
    const key = { namespace: 'default', name: metadata.name }
    // Long enough to be asked while it ends, on a busy machine too.
    const labels = { 'lab.fairlead.io/termination': '5' }
    await api.patch(labResources.pods, key, { metadata: { labels } }, { type: 'merge' })
    await api.delete(labResources.pods, key)
    const ending = await until('it', async () => {
      const endpoints = (await slices()).flatMap((slice) => slice.endpoints)
      return endpoints.find((endpoint) => endpoint.terminating)
    })
    expect(ending).toMatchObject({ ready: false, serving: true, pod: `default/${metadata.name}` })
    expect(await ask('client', `http://${status?.podIP}:8080/`)).toMatchObject({ pod: metadata.name })
    await until('it', async () =>
      (await pods()).some((pod) => pod.metadata.name === metadata.name) ? undefined : true,
    )
    expect((await readyPods()).map((pod) => pod.spec.nodeName).sort()).toEqual(['node1', 'node2', 'node3'])
  })

  it('cuts a node off and heals it', async () => {
    expect((await lab('fault', 'partition', 'node2')).code).toBe(0)
    expect(await ping('192.168.1.12')).toBe(1)
    expect((await lab('fault', 'heal', 'node2')).code).toBe(0)
    expect(await ping('192.168.1.12')).toBe(0)
    expect((await lab('fault', 'earthquake')).stderr).toContain('unknown fault')
  })

  it('stops answering in an API outage and comes back', async () => {
    await lab('fault', 'api-outage')
    await expect(api.list(labResources.nodes, {})).rejects.toThrow()
    await lab('fault', 'api-back')
    expect((await api.list(labResources.nodes, {})).items).toHaveLength(3)
  })

  it('leaves nothing when its supervisor is killed', async () => {
    const directory = join(info.kubeconfig, '..')
    const { supervisor } = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8')) as {
      supervisor: { pid: number }
    }
    expect(processes()).not.toEqual([])
    process.kill(supervisor.pid, 'SIGKILL')
    await until('it', async () => (processes().length === 0 ? true : undefined))
    expect((await lab('info')).stderr).toContain(`no lab named ${NAME} is running`)
    expect((await lab('down')).code).toBe(0)
    expect(existsSync(directory)).toBe(false)
  })
})

import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Family } from '#inet/address.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { connect } from '#kube/connect.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { labResources, type Pod } from '../cluster/objects.ts'
import { readManifest } from '../cluster/seed.ts'
import { LabError } from '../errors.ts'
import { captureInLab } from '../exec.ts'
import type { LabInfo } from '../info.ts'
import { LabRequests } from '../requests/requests.ts'
import { sessionCases, type Case, type Given } from './cases.ts'
import { describeMet, describeWanted, gather, isAsWanted } from './judge.ts'

const MANIFEST = new URL('manifest.yaml', import.meta.url)
const NAMESPACE = 'default'
/** Requests for each question: that one of two pods gets none has odds of 2^-15. */
const COUNT = 16
/** The kernel answers few datagrams a second with an ICMP error. */
const LIMIT_MS = 400
const SETTLE_MS = 5000

type Print = (line: string) => void

/**
 * Asks each Service of `manifest.yaml`, in both families, from client, router, nodes and pods, and prints what was
 * asked, who answered and what source they saw.
 *
 * @returns how many questions were not answered as they should be
 * @throws LabError FL_LAB_TIMEOUT when the pods or addresses do not come
 */
export async function forwardingSession(info: LabInfo, print: Print): Promise<number> {
  const api = await connect({ kubeconfig: info.kubeconfig, userAgent: 'fairlead-lab' })
  const requests = new LabRequests(info.name)
  try {
    await requests.start()
    const objects = readManifest(readFileSync(MANIFEST, 'utf8'))
    for (const object of objects) await api.create(resourceOf(object), object)
    const world = await settle(api, objects)
    let wrong = 0
    let asked = 0
    for (const family of [4, 6] as const) {
      const given = addressesOf(info, world, family)
      await leadClient(info, given)
      print('')
      print(`== IPv${family}`)
      for (const one of sessionCases(given)) {
        const line = await ask(requests, one)
        asked++
        if (!line.right) wrong++
        print(line.text)
      }
    }
    print('')
    print(
      wrong === 0 ? `All ${asked} answers are as they should be.` : `${wrong} of ${asked} answers are wrong.`,
    )
    return wrong
  } finally {
    await requests.stop()
    api.close()
  }
}

function resourceOf(object: KubeObject) {
  const resource = Object.values(labResources).find((one) => one.kind === object.kind)
  if (resource === undefined) throw new LabError('FL_LAB_COMMAND', `no resource of kind ${object.kind}`)
  return resource
}

interface World {
  readonly pods: ReadonlyMap<string, Pod>
  readonly services: ReadonlyMap<string, Service>
}

/** Waits until every pod of the manifest has its addresses, and every load balancer Service. */
async function settle(api: KubeApi, objects: readonly KubeObject[]): Promise<World> {
  const deadline = performance.now() + 3 * SETTLE_MS
  const count = (kind: string) => objects.filter((object) => object.kind === kind).length
  for (;;) {
    const pods = (await api.list(labResources.pods, { namespace: NAMESPACE })).items as Pod[]
    const { items } = await api.list(labResources.services, { namespace: NAMESPACE })
    // The cluster has one of its own, `kubernetes`.
    const services = items.map(projectService).filter(({ selector }) => Object.keys(selector).length > 0)
    const ready =
      pods.filter((pod) => pod.status?.podIPs?.length === 2 && pod.status.phase === 'Running').length ===
        count('Pod') &&
      services.length === count('Service') &&
      services.every(({ type, ingress }) => type !== 'LoadBalancer' || ingress.length === 2)
    if (ready) {
      return {
        pods: new Map(pods.map((pod) => [pod.metadata.name, pod])),
        services: new Map(services.map((service) => [service.name, service])),
      }
    }
    if (performance.now() > deadline) throw new LabError('FL_LAB_TIMEOUT', 'pods or addresses did not come')
    await delay(50)
  }
}

function addressesOf(info: LabInfo, { pods, services }: World, family: Family): Given {
  const pick = (addresses: readonly (string | undefined)[]): string =>
    addresses.find((address) => address !== undefined && isIPv6(address) === (family === 6)) ?? ''
  const service = (name: string): Service => {
    const found = services.get(name)
    if (found === undefined) throw new LabError('FL_LAB_COMMAND', `no Service ${name} in the manifest`)
    return found
  }
  return {
    family,
    info,
    pod: (name) => pick((pods.get(name)?.status?.podIPs ?? []).map(({ ip }) => ip)),
    clusterIP: (name) => pick(service(name).clusterIPs),
    vip: (name) => pick(service(name).ingress.map(({ ip }) => ip)),
    externalIP: (name) => pick(service(name).externalIPs),
    nodePort: (name, port) => {
      const { ports } = service(name)
      return (ports.find((one) => one.name === port) ?? ports[0]).nodePort
    },
    healthCheckNodePort: (name) => service(name).healthCheckNodePort,
  }
}

/** Nobody announces external addresses: the client is told that node3 is the way. */
async function leadClient(info: LabInfo, { family, externalIP }: Given): Promise<void> {
  const way = info.nodes[2].addresses[family === 4 ? 0 : 1]
  const route = ['ip', `-${family}`, 'route', 'replace', externalIP('external-ip'), 'via', way]
  await captureInLab(info.name, 'client', route)
}

async function ask(requests: LabRequests, one: Case): Promise<{ right: boolean; text: string }> {
  const { service, from, at, question, wanted } = one
  const udpError = question.protocol === 'udp' && 'error' in wanted
  const deadline = performance.now() + SETTLE_MS
  for (;;) {
    const answers = await requests.ask(from, { limit: LIMIT_MS, count: udpError ? 1 : COUNT, ...question })
    const met = gather(answers)
    const right = isAsWanted(met, wanted)
    if (!right && performance.now() < deadline) {
      await delay(50)
      continue
    }
    const { to, port, protocol = 'tcp' } = question
    const target = `${at} ${isIPv6(to) ? `[${to}]` : to}:${port}/${protocol}`
    const expected = right ? '' : `   WRONG, should be: ${describeWanted(wanted)}`
    return {
      right,
      text: `   ${service.padEnd(15)} ${from.padEnd(17)} → ${target.padEnd(58)} ${describeMet(met)}${expected}`,
    }
  }
}

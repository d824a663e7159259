import { formatAddress, tryParseAddress } from '#inet/address.ts'
import { cause, internalError, invalid } from '../../status.ts'
import type { ApiObject } from '../../object.ts'
import type { Change, Store } from '../../store/store.ts'
import { initFamilies, keepsDualStack } from './families.ts'
import { dropTypeDependentFields, keepAllocatedValues, normalizeClusterIPs } from './defaults.ts'
import { IpPool } from './ip-pool.ts'
import {
  asService,
  hasNodePorts,
  isHeadless,
  needsHealthCheck,
  needsNodePort,
  type IpFamily,
  type ServiceObject,
} from './service.ts'
import { staticBand } from './static-band.ts'

const SUBJECT = { group: '', plural: 'services', kind: 'Service' }

/**
 * Gives Services their cluster addresses and node ports, as pkg/registry/core/service does. What is taken is read
 * off the stored Services, so a write that fails or is a dry run leaves nothing behind, and a deletion releases.
 */
export class ServiceRegistry {
  readonly #pools: ReadonlyMap<IpFamily, IpPool>
  readonly #defaultFamily: IpFamily
  readonly #ports: { readonly first: number; readonly last: number }
  /** address -> uid of the Service */
  readonly #addresses = new Map<string, string>()
  /** node port -> uid of the Service; a port may serve several protocols of one Service */
  readonly #nodePorts = new Map<number, string>()
  #nextPort: number

  /** the ranges that ClusterIPs come from */
  readonly cidrs: readonly string[]

  /** @param cidrs one, or one of each family; the first is the default family */
  constructor(cidrs: readonly string[], ports: { first: number; last: number }) {
    this.cidrs = cidrs
    const pools = cidrs.map((cidr) => new IpPool(cidr))
    this.#pools = new Map(pools.map((pool) => [pool.family === 4 ? 'IPv4' : 'IPv6', pool]))
    this.#defaultFamily = pools[0]!.family === 4 ? 'IPv4' : 'IPv6'
    this.#ports = ports
    this.#nextPort = ports.first + Number(staticBand(BigInt(ports.last - ports.first + 1), 32n, 128n))
  }

  /** The address of the `kubernetes` Service, one a family, default family first. */
  get kubernetesIPs(): string[] {
    return [...this.#pools.values()].map((pool) => pool.first)
  }

  /** Follows the stored Services. */
  follow(store: Store): void {
    for (const object of store.values('services')) this.#hold(object)
    store.subscribe('services', (change: Change) => {
      if (change.previous !== undefined) this.#release(change.previous)
      if (change.type !== 'DELETED') this.#hold(change.object)
    })
  }

  /** @throws StatusError 422, 500 when a range is exhausted */
  prepareCreate(object: ApiObject): void {
    const service = asService(object)
    normalizeClusterIPs(service, undefined)
    this.#initFamilies(service, undefined)
    this.#allocateAddresses(service)
    this.#allocatePorts(service, undefined)
    object.status = { loadBalancer: {} }
  }

  /** @throws StatusError 422, 500 when a range is exhausted */
  prepareUpdate(object: ApiObject, before: ApiObject): void {
    const service = asService(object)
    const old = asService(before)
    dropTypeDependentFields(service, old)
    keepAllocatedValues(service, old)
    normalizeClusterIPs(service, old)
    if (!keepsDualStack(service, old)) {
      this.#initFamilies(service, old)
      const upgraded = (service.spec.ipFamilies ?? []).length > (old.spec.ipFamilies ?? []).length
      if (upgraded && !isHeadless(old)) this.#allocateAddresses(service)
    }
    this.#allocatePorts(service, old)
  }

  #initFamilies(service: ServiceObject, old: ServiceObject | undefined): void {
    const causes = initFamilies(service, old, {
      configured: [...this.#pools.keys()],
      first: this.#defaultFamily,
    })
    if (causes.length > 0) throw invalid(SUBJECT, service.metadata.name, causes)
  }

  #allocateAddresses(service: ServiceObject): void {
    const { spec, metadata } = service
    if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === 'None') return
    const addresses = [...(spec.clusterIPs ?? [])]
    for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
      const pool = this.#pools.get(family)!
      const asked = addresses[i]
      if (asked) {
        const problem = this.#problemWith(asked, pool, metadata.uid!)
        if (problem !== undefined) {
          throw invalid(SUBJECT, metadata.name, [
            cause.invalid('spec.clusterIPs', addresses, `failed to allocate IP ${asked}: ${problem}`),
          ])
        }
        continue
      }
      const picked = pool.pick((address) => this.#addresses.has(address))
      if (picked === undefined) {
        throw internalError(
          `failed to allocate a serviceIP for Service ${JSON.stringify(metadata.name)}: range is full`,
        )
      }
      addresses[i] = picked
    }
    spec.clusterIPs = addresses
    if (addresses[0] !== undefined) spec.clusterIP = addresses[0]
  }

  #problemWith(address: string, pool: IpPool, uid: string): string | undefined {
    if (!pool.contains(address)) {
      return 'the provided network does not match the current range'
    }
    const holder = this.#addresses.get(canonical(address))
    return holder === undefined || holder === uid ? undefined : 'provided IP is already allocated'
  }

  #allocatePorts(service: ServiceObject, old: ServiceObject | undefined): void {
    const { spec, metadata } = service
    const uid = metadata.uid!
    const chosen = new Set<number>()
    if (hasNodePorts(service)) {
      const ports = spec.ports ?? []
      for (const [i, port] of ports.entries()) {
        if (port.nodePort) {
          this.#checkPort(port.nodePort, uid, `spec.ports[${i}].nodePort`, metadata.name)
          chosen.add(port.nodePort)
        }
      }
      for (const port of ports) {
        if (port.nodePort || !needsNodePort(service)) continue
        // The same port of another protocol (DNS on TCP and UDP) shares its node port, on create.
        const twin =
          old === undefined
            ? ports.find((one) => one.port === port.port && one.protocol !== port.protocol && one.nodePort)
            : undefined
        port.nodePort = twin?.nodePort ?? this.#pickPort(chosen)
        chosen.add(port.nodePort)
      }
    }
    if (!needsHealthCheck(service)) return
    if (!spec.healthCheckNodePort) spec.healthCheckNodePort = this.#pickPort(chosen)
    else if (spec.healthCheckNodePort !== old?.spec.healthCheckNodePort) {
      const problem = this.#portProblem(spec.healthCheckNodePort, uid)
      if (problem !== undefined) {
        throw internalError(
          `failed to allocate requested HealthCheck NodePort ${spec.healthCheckNodePort}: ${problem}`,
        )
      }
    }
  }

  #checkPort(port: number, uid: string, field: string, name: string): void {
    const problem = this.#portProblem(port, uid)
    if (problem !== undefined) throw invalid(SUBJECT, name, [cause.invalid(field, port, problem)])
  }

  #portProblem(port: number, uid: string): string | undefined {
    const { first, last } = this.#ports
    const holder = this.#nodePorts.get(port)
    if (holder === uid) return undefined
    if (holder !== undefined) return 'provided port is already allocated'
    return port < first || port > last
      ? `provided port is not in the valid range. The range of valid ports is ${first}-${last}`
      : undefined
  }

  #pickPort(chosen: ReadonlySet<number>): number {
    const { first, last } = this.#ports
    for (let i = 0; i <= last - first; i += 1) {
      const port = this.#nextPort
      this.#nextPort = port === last ? first : port + 1
      if (!this.#nodePorts.has(port) && !chosen.has(port)) return port
    }
    throw internalError('failed to allocate a nodePort: range is full')
  }

  #hold(object: ApiObject): void {
    const { uid = '' } = object.metadata
    for (const address of addressesOf(object)) this.#addresses.set(address, uid)
    for (const port of portsOf(object)) this.#nodePorts.set(port, uid)
  }

  #release(object: ApiObject): void {
    for (const address of addressesOf(object)) this.#addresses.delete(address)
    for (const port of portsOf(object)) this.#nodePorts.delete(port)
  }
}

/** One text an address, however the client wrote it. */
function canonical(text: string): string {
  const address = tryParseAddress(text)
  return address === undefined ? text : formatAddress(address)
}

const addressesOf = (object: ApiObject): string[] =>
  (asService(object).spec.clusterIPs ?? []).filter((one) => one !== 'None').map(canonical)

function portsOf(object: ApiObject): number[] {
  const { spec } = asService(object)
  return [...(spec.ports ?? []).map((port) => port.nodePort), spec.healthCheckNodePort].filter(
    (port) => port !== undefined && port !== 0,
  ) as number[]
}

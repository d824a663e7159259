import { parseDuration } from '#crds/parse/duration.ts'
import { parsePrefix } from '#inet/prefix.ts'
import type { ConntrackConfig, ForwardingConfig, LocalDetector } from '#speaker/forwarding/config.ts'
import type { ProxyAddresses } from '#speaker/forwarding/companions.ts'
import { CliError } from './errors.ts'
import { hostPort, oneOf, prefixes } from './options.ts'

/** The speaker's options about forwarding as commander gives them; names and values as kube-proxy's where it has them. */
export interface ForwardingOptions {
  readonly forwarding: string
  readonly forceForwarding: boolean
  readonly detectLocalMode?: string
  readonly clusterCidr?: readonly string[]
  readonly podBridgeInterface?: string
  readonly podInterfaceNamePrefix?: string
  readonly nodeportAddresses?: readonly string[]
  readonly masqueradeAll: boolean
  readonly serviceNodePortRange: string
  readonly conntrackMaxPerCore: string
  readonly conntrackMin: string
  readonly conntrackTcpTimeoutEstablished: string
  readonly conntrackTcpTimeoutCloseWait: string
  readonly conntrackUdpTimeout: string
  readonly conntrackUdpTimeoutStream: string
  readonly conntrackTcpBeLiberal: string
  readonly healthzBindAddress: string
  readonly metricsBindAddress: string
}

/** @throws CliError FL_CLI_OPTION naming the option */
export function forwardingConfig(options: ForwardingOptions): ForwardingConfig {
  const nodePortRange = portRange(options.serviceNodePortRange)
  return {
    mode: oneOf(options.forwarding, ['full', 'off'], '--forwarding'),
    force: options.forceForwarding,
    detector: localDetector(options),
    ...nodePorts(options.nodeportAddresses ?? ['primary']),
    masqueradeAll: options.masqueradeAll,
    ...(nodePortRange === undefined ? {} : { nodePortRange }),
    conntrack: conntrack(options),
  }
}

/** Times are durations (`1h30m`); 0 leaves the kernel's own. */
function conntrack(options: ForwardingOptions): ConntrackConfig {
  const seconds = (text: string, option: string): number => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms >= 0) return Math.round(ms / 1000)
    throw new CliError('FL_CLI_OPTION', `${option} ${text}: it must be a duration such as 1h0m0s, or 0`)
  }
  const count = (text: string, option: string): number => {
    if (/^[0-9]{1,9}$/.test(text)) return Number(text)
    throw new CliError('FL_CLI_OPTION', `${option} ${text}: it must be a number, or 0`)
  }
  const { conntrackTcpTimeoutEstablished, conntrackTcpTimeoutCloseWait } = options
  return {
    maxPerCore: count(options.conntrackMaxPerCore, '--conntrack-max-per-core'),
    min: count(options.conntrackMin, '--conntrack-min'),
    tcpEstablishedTimeout: seconds(conntrackTcpTimeoutEstablished, '--conntrack-tcp-timeout-established'),
    tcpCloseWaitTimeout: seconds(conntrackTcpTimeoutCloseWait, '--conntrack-tcp-timeout-close-wait'),
    udpTimeout: seconds(options.conntrackUdpTimeout, '--conntrack-udp-timeout'),
    udpStreamTimeout: seconds(options.conntrackUdpTimeoutStream, '--conntrack-udp-timeout-stream'),
    tcpBeLiberal:
      oneOf(options.conntrackTcpBeLiberal, ['true', 'false'], '--conntrack-tcp-be-liberal') === 'true',
  }
}

/** kube-proxy's own servers; '' is none. @throws CliError FL_CLI_OPTION */
export function proxyAddresses({
  healthzBindAddress,
  metricsBindAddress,
}: Pick<ForwardingOptions, 'healthzBindAddress' | 'metricsBindAddress'>): ProxyAddresses {
  return {
    ...(healthzBindAddress === '' ? {} : { healthz: hostPort(healthzBindAddress, '--healthz-bind-address') }),
    ...(metricsBindAddress === '' ? {} : { metrics: hostPort(metricsBindAddress, '--metrics-bind-address') }),
  }
}

const MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const

/** Without a mode a `--cluster-cidr` is one; without either everybody counts as a pod, as in kube-proxy. */
function localDetector(options: ForwardingOptions): LocalDetector {
  const { clusterCidr = [], podBridgeInterface = '', podInterfaceNamePrefix = '' } = options
  const mode = oneOf(options.detectLocalMode ?? 'ClusterCIDR', MODES, '--detect-local-mode')
  const given = (value: string, option: string): string => {
    if (value === '') throw new CliError('FL_CLI_OPTION', `--detect-local-mode ${mode} needs ${option}`)
    // IFNAMSIZ: names of interfaces have at most 15 characters; quotes and blanks would end up in a rule.
    if (/^[^\s"/*]{1,15}$/.test(value)) return value
    throw new CliError('FL_CLI_OPTION', `${option} ${value}: it is not the name of an interface`)
  }
  switch (mode) {
    case 'NodeCIDR':
      return { by: 'node-cidrs' }
    case 'BridgeInterface':
      return { by: 'bridge', name: given(podBridgeInterface, '--pod-bridge-interface') }
    case 'InterfaceNamePrefix':
      return {
        by: 'interface-prefix',
        prefix: given(podInterfaceNamePrefix, '--pod-interface-name-prefix'),
      }
    case 'ClusterCIDR': {
      const cidrs = prefixes(clusterCidr, '--cluster-cidr')
      if (cidrs.length > 0) return { by: 'cluster-cidrs', cidrs }
      if (options.detectLocalMode === undefined) return { by: 'nothing' }
      throw new CliError('FL_CLI_OPTION', '--detect-local-mode ClusterCIDR needs --cluster-cidr')
    }
  }
}

const EVERYWHERE = ['0.0.0.0/0', '::/0'].map((text) => parsePrefix(text))

/** `primary`, `all` or CIDRs, and `localhost` in addition (KEP-6032). */
function nodePorts(
  words: readonly string[],
): Pick<ForwardingConfig, 'nodePortAddresses' | 'localhostNodePorts'> {
  const localhostNodePorts = words.includes('localhost')
  const rest = words.filter((word) => word !== 'localhost')
  if (rest.length === 0 || (rest.length === 1 && rest[0] === 'primary')) {
    return { nodePortAddresses: 'primary', localhostNodePorts }
  }
  if (rest.length === 1 && rest[0] === 'all') return { nodePortAddresses: EVERYWHERE, localhostNodePorts }
  const word = rest.find((one) => one === 'primary' || one === 'all')
  if (word === undefined) {
    return { nodePortAddresses: prefixes(rest, '--nodeport-addresses'), localhostNodePorts }
  }
  throw new CliError('FL_CLI_OPTION', `--nodeport-addresses: ${word} and CIDRs do not go together`)
}

/** `first-last`; '' leaves the node's ephemeral ports alone. */
function portRange(text: string): ForwardingConfig['nodePortRange'] {
  if (text === '') return undefined
  const [, first, last] = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(text)?.map(Number) ?? []
  if (first !== undefined && last !== undefined && first > 0 && first <= last && last <= 65_535) {
    return { first, last }
  }
  throw new CliError(
    'FL_CLI_OPTION',
    `--service-node-port-range ${text}: it must be FIRST-LAST, such as 30000-32767`,
  )
}

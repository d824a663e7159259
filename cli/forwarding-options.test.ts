import { expect, test } from 'vitest'
import { formatPrefix } from '#inet/prefix.ts'
import { forwardingConfig, proxyAddresses, type ForwardingOptions } from './forwarding-options.ts'

const config = (options: Partial<ForwardingOptions>) =>
  forwardingConfig({
    forwarding: 'full',
    forceForwarding: false,
    masqueradeAll: false,
    serviceNodePortRange: '30000-32767',
    conntrackMaxPerCore: '32768',
    conntrackMin: '131072',
    conntrackTcpTimeoutEstablished: '0',
    conntrackTcpTimeoutCloseWait: '1h0m0s',
    conntrackUdpTimeout: '0',
    conntrackUdpTimeoutStream: '0',
    conntrackTcpBeLiberal: 'true',
    healthzBindAddress: '',
    metricsBindAddress: '',
    ...options,
  })

test('as kube-proxy without options: NodePorts on the primary addresses, everybody is a pod', () => {
  expect(config({})).toEqual({
    mode: 'full',
    force: false,
    detector: { by: 'nothing' },
    nodePortAddresses: 'primary',
    localhostNodePorts: false,
    masqueradeAll: false,
    nodePortRange: { first: 30_000, last: 32_767 },
    conntrack: {
      maxPerCore: 32_768,
      min: 131_072,
      tcpEstablishedTimeout: 0,
      tcpCloseWaitTimeout: 3600,
      udpTimeout: 0,
      udpStreamTimeout: 0,
      tcpBeLiberal: true,
    },
  })
})

test.each([
  [{ clusterCidr: ['10.0.0.0/8'] }, 'cluster-cidrs'],
  [{ detectLocalMode: 'ClusterCIDR', clusterCidr: ['10.0.0.0/8', 'fd00::/48'] }, 'cluster-cidrs'],
  [{ detectLocalMode: 'NodeCIDR', clusterCidr: ['10.0.0.0/8'] }, 'node-cidrs'],
  [{ detectLocalMode: 'BridgeInterface', podBridgeInterface: 'cni0' }, 'bridge'],
  [{ detectLocalMode: 'InterfaceNamePrefix', podInterfaceNamePrefix: 'veth' }, 'interface-prefix'],
] as const)('%j recognises pods by %s', (options, by) => {
  expect(config(options).detector.by).toBe(by)
})

test.each([
  [['primary'], 'primary', false],
  [['localhost'], 'primary', true],
  [['primary', 'localhost'], 'primary', true],
  [['all'], ['0.0.0.0/0', '::/0'], false],
  [['all', 'localhost'], ['0.0.0.0/0', '::/0'], true],
  [['192.168.0.0/24', 'fd00::/64'], ['192.168.0.0/24', 'fd00::/64'], false],
])('--nodeport-addresses %j', (nodeportAddresses, where, localhost) => {
  const { nodePortAddresses, localhostNodePorts } = config({ nodeportAddresses })
  const text = nodePortAddresses === 'primary' ? 'primary' : nodePortAddresses.map(formatPrefix)
  expect([text, localhostNodePorts]).toEqual([where, localhost])
})

test('kube-proxy’s servers are where kube-proxy has them, or not at all', () => {
  expect(proxyAddresses({ healthzBindAddress: '0.0.0.0:10256', metricsBindAddress: '' })).toEqual({
    healthz: { host: '0.0.0.0', port: 10_256 },
  })
  expect(() => proxyAddresses({ healthzBindAddress: '10256', metricsBindAddress: '' })).toThrow(
    '--healthz-bind-address 10256: it must be HOST:PORT',
  )
})

test('an empty range of NodePorts leaves the node alone', () => {
  expect(config({ serviceNodePortRange: '' }).nodePortRange).toBeUndefined()
})

test.each([
  [{ forwarding: 'some' }, '--forwarding some: it must be full or off'],
  [{ detectLocalMode: 'Magic' }, '--detect-local-mode Magic'],
  [{ detectLocalMode: 'ClusterCIDR' }, 'needs --cluster-cidr'],
  [{ detectLocalMode: 'BridgeInterface' }, 'needs --pod-bridge-interface'],
  [{ detectLocalMode: 'BridgeInterface', podBridgeInterface: 'a b' }, 'not the name of an interface'],
  [{ detectLocalMode: 'InterfaceNamePrefix', podInterfaceNamePrefix: 'x"' }, 'not the name of an interface'],
  [{ nodeportAddresses: ['primary', '10.0.0.0/8'] }, 'primary and CIDRs do not go together'],
  [{ nodeportAddresses: ['10.0.0.1'] }, '10.0.0.1 is not a CIDR prefix'],
  [{ serviceNodePortRange: '32767-30000' }, 'it must be FIRST-LAST'],
  [{ serviceNodePortRange: '1-70000' }, 'it must be FIRST-LAST'],
  [{ conntrackMin: 'many' }, '--conntrack-min many: it must be a number'],
  [{ conntrackUdpTimeout: '30' }, '--conntrack-udp-timeout 30: it must be a duration'],
  [{ conntrackTcpBeLiberal: 'yes' }, '--conntrack-tcp-be-liberal yes: it must be true or false'],
])('%j is refused by name', (options, message) => {
  expect(() => config(options)).toThrow(message)
})

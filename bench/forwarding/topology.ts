import { connect, createNetns, must, type Netns } from '../../test/netns.ts'

/** One node with its two neighbours, each a network namespace; joined to the namespace of the API server. */
export interface Place {
  readonly nodeName: string
  /** address of the node, for its Node object */
  readonly nodeIP: string
  readonly node: Netns
  /** a pod of the node that asks */
  readonly client: Netns
  /** every endpoint of every Service: this namespace answers to all addresses of `POD_CIDRS` */
  readonly pods: Netns
}

/** Where the API server listens, in the namespace that this process runs in. */
export const API_ADDRESS = '10.200.0.1'
export const SERVICE_CIDRS = ['10.96.0.0/16', 'fd00:10:96::/112'] as const
/** client and pods are in these */
export const CLUSTER_CIDRS = ['10.244.0.0/14', 'fd00:244::/32'] as const

const POD_CIDRS = ['10.245.0.0/16', '10.246.0.0/16', '10.247.0.0/16', 'fd00:244:5::/48'] as const

/** The API server's address, in the namespace of this process. */
export async function prepareHome(): Promise<void> {
  const home = { name: 'home', path: '/proc/self/ns/net' }
  await must(home, 'ip', ['-batch', '-'], `link set lo up\naddr add ${API_ADDRESS}/32 dev lo\n`)
}

/** Builds one node; `index` from 1 tells several apart. All have the same pods. */
export async function createPlace(index: number, nodeName: string): Promise<Place> {
  const [node, client, pods] = await Promise.all(
    ['node', 'client', 'pods'].map((part) => createNetns(`${part}${index}`)),
  )
  const nodeIP = `10.200.${index}.2`
  const home = { name: '1', path: '/proc/self/ns/net' }
  // A namespace is also named by the id of a process in it: this one.
  await connect(
    {
      ns: { ...home, name: String(process.pid) },
      device: `node${index}`,
      addresses: [`10.200.${index}.1/24`],
    },
    { ns: node, device: 'eth0', addresses: [`${nodeIP}/24`, `fd00:200::${index}:2/112`] },
  )
  await connect(
    { ns: node, device: 'client', addresses: ['10.244.0.1/24', 'fd00:244:0::1/64'] },
    { ns: client, device: 'eth0', addresses: ['10.244.0.2/24', 'fd00:244:0::2/64'] },
  )
  await connect(
    { ns: node, device: 'pods', addresses: ['10.244.1.1/24', 'fd00:244:1::1/64'] },
    { ns: pods, device: 'eth0', addresses: ['10.244.1.2/24', 'fd00:244:1::2/64'] },
  )
  await route(node, [
    `${API_ADDRESS}/32 via 10.200.${index}.1`,
    ...POD_CIDRS.map((cidr) => `${cidr} via ${cidr.includes(':') ? 'fd00:244:1::2' : '10.244.1.2'}`),
  ])
  await route(client, ['default via 10.244.0.1', '::/0 via fd00:244:0::1'])
  await route(pods, [
    'default via 10.244.1.1',
    '::/0 via fd00:244:1::1',
    ...POD_CIDRS.map((cidr) => `local ${cidr} dev lo`),
  ])
  const settings = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding']
  await must(node, 'sh', ['-ec', settings.map((name) => `echo 1 > /proc/sys/${name}`).join('\n')])
  return { nodeName, nodeIP, node, client, pods }
}

const route = async (ns: Netns, routes: readonly string[]): Promise<void> => {
  for (const one of routes)
    await must(ns, 'ip', [one.includes(':') ? '-6' : '-4', 'route', 'add', ...one.split(' ')])
}

/**
 * A node that dies without a word, with BFD at 3 x 300 ms: how long until the router has dropped its route. The
 * node's namespace drops every packet from one moment on; its link stays up. BIRD in the place of the speaker is the
 * yardstick.
 */
import { parseAddress } from '#inet/address.ts'
import { defaultSettings } from '#speaker/bfd/config.ts'
import { Speaker } from '../../test/interop/speaker.ts'
import { connect, createNetns, must, until, type Netns } from '../../test/netns.ts'
import { monotonic } from '../forwarding/monotonic.ts'
import { printTable } from '../table.ts'
import type { BirdControl } from './bird-control.ts'
import { startBird } from './daemons.ts'

const rounds = 10
const patience = 60_000
const prefix = '10.99.0.1/32'

/** Prints a table. */
export async function measureDeadPath(folder: string): Promise<void> {
  const router = await createNetns('router')
  const ours = await node(router, 'ours', 1)
  const other = await node(router, 'bird', 2)
  const receiver = await startBird(router, folder, 'receiver', receiverConfig)
  const bird = await startBird(other, folder, 'bird', birdConfig)
  const speaker = await Speaker.start(ours)
  const samples: { ours: number[]; bird: number[] } = { ours: [], bird: [] }
  for (let round = 0; round < rounds; round++) {
    const name = `round-${round}`
    speaker.send(
      { kind: 'routes', put: [{ peer: name, prefix, communities: [] }], remove: [] },
      { kind: 'peers', peers: [peer(name)] },
    )
    samples.bird.push(await timeToGone('from_bird', other, receiver.control))
    samples.ours.push(await timeToGone('from_ours', ours, receiver.control))
  }
  printTable('a node drops every packet, BFD 3 x 300 ms: until its route is gone at the router', [
    { name: 'BIRD on the node (yardstick)', unit: 'ms', samples: samples.bird },
    { name: 'ours on the node', unit: 'ms', samples: samples.ours },
  ])
  receiver.control.close()
  bird.control.close()
}

async function timeToGone(protocol: string, ns: Netns, control: BirdControl): Promise<number> {
  await until(`route of ${protocol}`, async () => (await control.progress(protocol)).routes === 1, patience)
  const device = protocol.replace('from_', 'to-')
  const agreed = async (): Promise<boolean> => {
    const sessions = await control.ask('show bfd sessions')
    const line = sessions.split('\n').find((one) => one.includes(device)) ?? ''
    return /\sUp\s/.test(line) && /\s0\.300\s+0\.900/.test(line)
  }
  await until(`BFD of ${protocol} at 300 ms`, agreed, patience)
  const since = monotonic()
  await must(ns, 'nft', ['-f', '-'], silence)
  await until('gone', async () => (await control.progress(protocol)).routes === 0, patience)
  const time = monotonic() - since
  await must(ns, 'nft', ['delete', 'table', 'inet', 'silence'])
  return time
}

const silence = `table inet silence {
  chain in { type filter hook input priority 0; policy drop; }
  chain out { type filter hook output priority 0; policy drop; }
}
`

async function node(router: Netns, name: string, number: number): Promise<Netns> {
  const ns = await createNetns(name)
  await connect(
    { ns, device: 'eth0', addresses: [`10.0.${number}.2/24`] },
    { ns: router, device: `to-${name}`, addresses: [`10.0.${number}.1/24`] },
  )
  return ns
}

const peer = (name: string) => ({
  name,
  localAS: 64501,
  peerAS: 64512,
  address: parseAddress('10.0.1.1'),
  port: 179,
  routerId: '10.0.1.2',
  holdTime: 90_000,
  connectRetryTime: 100,
  multihop: false,
  families: ['ipv4-unicast'] as const,
  bfd: { ...defaultSettings, receiveInterval: 300, transmitInterval: 300, detectMultiplier: 3 },
})

const bfd =
  'protocol bfd { interface "*" { min rx interval 300 ms; min tx interval 300 ms; multiplier 3; }; }'

const receiverConfig = `
router id 10.0.0.1;
protocol device { scan time 10; }
${bfd}
${['ours', 'bird']
  .map(
    (name, index) => `
ipv4 table t_${name};
protocol bgp from_${name} {
  local 10.0.${index + 1}.1 as 64512;
  neighbor 10.0.${index + 1}.2 as 6450${index + 1};
  passive on;
  bfd on;
  error wait time 1, 1;
  ipv4 { table t_${name}; import all; export none; };
}`,
  )
  .join('')}
`

const birdConfig = `
router id 10.0.2.2;
protocol device { scan time 10; }
${bfd}
protocol static { ipv4; route ${prefix} blackhole; }
protocol bgp to_router {
  local 10.0.2.2 as 64502;
  neighbor 10.0.2.1 as 64512;
  bfd on;
  connect delay time 1; connect retry time 1; error wait time 1, 1;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}
`

/**
 * One changed route of 10,000 with four peers: from the order to the octets at each peer, and how many octets. The
 * peers are sockets of this process, which keep nothing. BIRD does the same for a yardstick: one of its static routes
 * is switched off and on.
 */
import { parseAddress } from '#inet/address.ts'
import type { WirePeer } from '#speaker/wire/protocol.ts'
import {
  keepalive,
  openMessage,
  ScriptedPeer,
  type ScriptedConnection,
} from '../../test/interop/scripted-peer.ts'
import { Speaker } from '../../test/interop/speaker.ts'
import { connect, createNetns, until, type Netns } from '../../test/netns.ts'
import { monotonic } from '../forwarding/monotonic.ts'
import { printTable } from '../table.ts'
import { startBird } from './daemons.ts'
import { birdRoutes, prefixAt, wireRoutes } from './routes.ts'

const routes = 10_000
const changes = 200
const peers = [1, 2, 3, 4]
const patience = 60_000
/** Header, two lengths, ORIGIN, AS_PATH, NEXT_HOP, one community, one /32. */
const oneUpdate = 19 + 4 + 4 + 9 + 7 + 7 + 5

interface Sample {
  /** milliseconds until the last of the peers had it */
  readonly time: number
  /** octets, of all peers */
  readonly octets: number
}

/** Prints a table, and what went over the wire. */
export async function measureChange(folder: string): Promise<void> {
  const sender = await createNetns('sender')
  const router = await createNetns('router')
  await connect(
    { ns: sender, device: 'eth0', addresses: ['10.0.1.10/24', '10.0.1.20/24'] },
    { ns: router, device: 'eth0', addresses: peers.map((last) => `10.0.1.${last}/24`) },
  )
  const bird = await ofBird(sender, router, folder)
  const ours = await ofSpeaker(sender, router)
  printTable(`one route of ${routes.toLocaleString('en')} changed: order to octets at the last of 4 peers`, [
    {
      name: 'BIRD, a static protocol disabled or enabled (yardstick)',
      unit: 'ms',
      samples: bird.map(({ time }) => time),
    },
    { name: 'ours, a community changed', unit: 'ms', samples: ours.map(({ time }) => time) },
  ])
  const octets = [...new Set(ours.map((sample) => sample.octets))].join(', ')
  console.log(`octets a change, 4 peers together: ${octets} (4 UPDATEs with one prefix are ${4 * oneUpdate})`)
}

async function ofSpeaker(sender: Netns, router: Netns): Promise<Sample[]> {
  const speaker = await Speaker.start(sender)
  const ends = peers.map((last) => new ScriptedPeer(router, `10.0.1.${last}`))
  for (const last of peers) {
    speaker.send({ kind: 'routes', put: wireRoutes(`peer-${last}`, routes, 1), remove: [] })
  }
  speaker.send({ kind: 'peers', peers: peers.map(peerOf) }, { kind: 'routesComplete' })
  const lines = await Promise.all(ends.map(bringUp))
  const samples: Sample[] = []
  for (let count = 0; count < changes; count++) {
    const prefix = prefixAt((count * 37) % routes)
    samples.push(
      await timed(lines, () =>
        speaker.send({
          kind: 'routes',
          put: peers.map((last) => ({
            peer: `peer-${last}`,
            prefix,
            communities: [{ kind: 'standard', value: [64501, count] }],
          })),
          remove: [],
        }),
      ),
    )
  }
  await speaker.stop()
  for (const end of ends) end.close()
  return samples
}

async function ofBird(sender: Netns, router: Netns, folder: string): Promise<Sample[]> {
  const ends = peers.map((last) => new ScriptedPeer(router, `10.0.1.${last}`))
  const bird = await startBird(sender, folder, 'bird', birdConfig)
  const lines = await Promise.all(ends.map(bringUp))
  const samples: Sample[] = []
  for (let count = 0; count < changes; count++) {
    const order = count % 2 === 0 ? 'disable one' : 'enable one'
    samples.push(await timed(lines, () => void bird.control.ask(order)))
  }
  bird.control.close()
  bird.child.kill()
  for (const line of lines) line.destroy()
  for (const end of ends) end.close()
  return samples
}

/** Accepts, shakes hands, and waits until all routes have come. */
async function bringUp(end: ScriptedPeer): Promise<ScriptedConnection> {
  const line = await end.accept()
  await line.has('open')
  line.write(openMessage(180))
  line.write(keepalive)
  const complete = (): boolean => line.of('update').some((update) => update.length === 2 * 23)
  await until('End-of-RIB', complete, patience)
  return line
}

/** Until every connection has had an UPDATE more. */
async function timed(lines: readonly ScriptedConnection[], order: () => void): Promise<Sample> {
  const before = lines.map(({ received }) => received)
  const since = monotonic()
  const arrived = Promise.all(lines.map((line) => line.next()))
  order()
  await arrived
  const octets = lines.reduce((sum, { received }, index) => sum + received - before[index], 0)
  return { time: monotonic() - since, octets }
}

const peerOf = (last: number): WirePeer => ({
  name: `peer-${last}`,
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress(`10.0.1.${last}`),
  sourceAddress: parseAddress('10.0.1.10'),
  port: 179,
  routerId: '10.0.1.10',
  holdTime: 90_000,
  connectRetryTime: 100,
  multihop: false,
  families: ['ipv4-unicast'],
})

const birdConfig = `
router id 10.0.1.20;
protocol device { scan time 10; }
protocol static { ipv4;
${birdRoutes(routes, 1)}
}
protocol static one { ipv4; route 10.99.0.1/32 blackhole; }
${peers
  .map(
    (last) => `
protocol bgp to_${last} {
  local 10.0.1.20 as 64500;
  neighbor 10.0.1.${last} as 64512;
  connect delay time 1; connect retry time 1;
  graceful restart on;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}`,
  )
  .join('')}
`

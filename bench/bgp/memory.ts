/** Resident memory: idle, and with 10,000 prefixes announced to four peers. The peers keep nothing. */
import { parseAddress } from '#inet/address.ts'
import { keepalive, openMessage, ScriptedPeer } from '../../test/interop/scripted-peer.ts'
import { Speaker } from '../../test/interop/speaker.ts'
import { connect, createNetns, until, type Netns } from '../../test/netns.ts'
import { residentMemory, startBird, startGobgp } from './daemons.ts'
import { announceAll, birdRoutes } from './routes.ts'

const routes = 10_000
const peers = [1, 2, 3, 4]
const patience = 60_000

/** Prints a line for each speaker. */
export async function measureMemory(folder: string): Promise<void> {
  const node = await createNetns('node')
  const router = await createNetns('router')
  await connect(
    { ns: node, device: 'eth0', addresses: ['10.0.1.10/24'] },
    { ns: router, device: 'eth0', addresses: peers.map((last) => `10.0.1.${last}/24`) },
  )
  const feeding = await createNetns('feeding')
  await connect(
    { ns: node, device: 'feed', addresses: ['10.0.9.2/24'] },
    { ns: feeding, device: 'feed', addresses: ['10.0.9.1/24'] },
  )
  console.log(`\nresident memory, ${routes.toLocaleString('en')} prefixes to ${peers.length} peers`)

  const idleBird = await startBird(node, folder, 'idle', 'protocol device {}')
  const birdIdle = residentMemory(idleBird.child)
  idleBird.control.close()
  idleBird.child.kill()
  let ends = listen(router)
  const bird = await startBird(node, folder, 'bird', birdConfig)
  await bringUp(ends)
  report('BIRD', birdIdle, residentMemory(bird.child))
  bird.control.close()
  bird.child.kill()
  for (const end of ends) end.close()

  const gobgp = await startGobgp(node, folder, gobgpConfig)
  const gobgpIdle = residentMemory(gobgp)
  ends = listen(router)
  // Its client takes one route a call, so another daemon gives it all of them.
  const feeder = await startBird(feeding, folder, 'feeder', feederConfig)
  await bringUp(ends)
  report('GoBGP', gobgpIdle, residentMemory(gobgp))
  feeder.control.close()
  gobgp.kill()
  for (const end of ends) end.close()

  await ofSpeaker(node, router)
}

async function ofSpeaker(node: Netns, router: Netns): Promise<void> {
  const speaker = await Speaker.start(node)
  const idle = await speaker.weigh()
  const ends = listen(router)
  for (const last of peers) await announceAll(speaker, `peer-${last}`, routes, 1)
  speaker.send({
    kind: 'peers',
    peers: peers.map((last) => ({
      name: `peer-${last}`,
      localAS: 64500,
      peerAS: 64512,
      address: parseAddress(`10.0.1.${last}`),
      port: 179,
      routerId: '10.0.1.10',
      holdTime: 90_000,
      connectRetryTime: 100,
      multihop: false,
      families: ['ipv4-unicast'] as const,
    })),
  })
  await bringUp(ends)
  report('ours, the wire thread in a process', idle / 2 ** 20, (await speaker.weigh()) / 2 ** 20)
  for (const end of ends) end.close()
  await speaker.stop()
}

const report = (name: string, idle: number, loaded: number): void =>
  console.log(
    `${name}: ${idle.toFixed(0)} MB idle, ${loaded.toFixed(0)} MB, so ${(loaded - idle).toFixed(0)} MB more`,
  )

const listen = (router: Netns): ScriptedPeer[] =>
  peers.map((last) => new ScriptedPeer(router, `10.0.1.${last}`))

/** Until every peer has had all prefixes: five octets each, and more around them. */
async function bringUp(ends: readonly ScriptedPeer[]): Promise<void> {
  await Promise.all(
    ends.map(async (end) => {
      const line = await end.accept()
      await line.has('open')
      line.write(openMessage(180))
      line.write(keepalive)
      await until('all routes', () => line.received >= routes * 5, patience)
    }),
  )
}

const birdConfig = `
router id 10.0.1.10;
protocol device { scan time 10; }
protocol static { ipv4;
${birdRoutes(routes, 1)}
}
${peers
  .map(
    (last) => `
protocol bgp to_${last} {
  local 10.0.1.10 as 64500;
  neighbor 10.0.1.${last} as 64512;
  connect delay time 1; connect retry time 1;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}`,
  )
  .join('')}
`

const feederConfig = `
router id 10.0.9.1;
protocol device { scan time 10; }
protocol static { ipv4;
${birdRoutes(routes, 1)}
}
protocol bgp to_gobgp {
  local 10.0.9.1 as 64499;
  neighbor 10.0.9.2 as 64500;
  connect delay time 1; connect retry time 1;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}
`

const gobgpConfig = `
[global.config]
  as = 64500
  router-id = "10.0.1.10"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.0.9.1"
    peer-as = 64499
  [neighbors.transport.config]
    passive-mode = true
${peers
  .map(
    (last) => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.0.1.${last}"
    peer-as = 64512
  [neighbors.timers.config]
    connect-retry = 5`,
  )
  .join('')}
`

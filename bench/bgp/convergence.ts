/**
 * How long until a router has all routes of a session that has just come up. BIRD receives; we, BIRD and GoBGP send the
 * same prefixes with the same communities, in turn, each over a link of its own.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseAddress } from '#inet/address.ts'
import { Speaker } from '../../test/interop/speaker.ts'
import { connect, createNetns, run, until, type Netns } from '../../test/netns.ts'
import { monotonic } from '../forwarding/monotonic.ts'
import { printTable } from '../table.ts'
import { timeFormat, type BirdControl } from './bird-control.ts'
import { residentMemory, startBird, startGobgp } from './daemons.ts'
import { birdRoutes, wireRoutes } from './routes.ts'

const routes = 10_000
const patience = 60_000

interface Sender {
  /** also of the receiver's protocol and table */
  readonly name: string
  readonly title: string
  /** begins to connect; everything to announce is there already */
  up(): Promise<void>
  down(): Promise<void>
}

/** Rounds of all senders, with so many different attribute sets; prints a table. */
export async function measureConvergence(folder: string, sets: number, rounds: number): Promise<void> {
  const router = await createNetns('router')
  const ours = await link(router, 'ours', 1)
  const birds = await link(router, 'bird', 2)
  const gobgps = await link(router, 'gobgp', 3)
  await connect(
    { ns: birds, device: 'feed', addresses: ['10.0.9.1/24'] },
    { ns: gobgps, device: 'feed', addresses: ['10.0.9.2/24'] },
  )
  const receiver = await startBird(router, folder, `receiver-${sets}`, receiverConfig)
  const bird = await startBird(birds, folder, `sender-${sets}`, senderConfig(sets))
  const gobgp = await startGobgp(gobgps, folder, gobgpConfig)
  const speaker = await Speaker.start(ours)
  await until('GoBGP is fed', async () => Number((await gobgpRoutes(gobgps)) ?? 0) === routes, patience)

  let round = 0
  const senders: Sender[] = [
    {
      name: 'bird',
      title: 'BIRD (yardstick)',
      up: async () => void (await bird.control.ask('enable to_router')),
      down: async () => void (await bird.control.ask('disable to_router')),
    },
    {
      name: 'gobgp',
      title: 'GoBGP',
      up: async () => void (await run(gobgps, 'gobgp', ['neighbor', '10.0.3.1', 'enable'])),
      down: async () => void (await run(gobgps, 'gobgp', ['neighbor', '10.0.3.1', 'disable'])),
    },
    {
      name: 'ours',
      title: 'ours',
      up: async () => speaker.send({ kind: 'peers', peers: [peer(`round-${round}`)] }),
      async down() {
        const old = wireRoutes(`round-${round}`, routes, sets)
        speaker.send({ kind: 'peers', peers: [] }, { kind: 'routes', put: [], remove: old })
        round++
        // A new name, so that the wait after an error of the last round does not count.
        speaker.send({ kind: 'routes', put: wireRoutes(`round-${round}`, routes, sets), remove: [] })
        await speaker.weigh()
      },
    },
  ]
  for (const sender of senders) await sender.down()
  const times = new Map<string, Times[]>(senders.map(({ name }) => [name, []]))
  for (let turn = 0; turn < rounds; turn++) {
    for (const sender of senders) {
      times.get(sender.name)?.push(await timeOf(sender, receiver.control))
      await sender.down()
      await until(
        'gone',
        async () => (await receiver.control.progress(`from_${sender.name}`)).up === undefined,
        patience,
      )
    }
  }
  const what = `${routes.toLocaleString('en')} prefixes, ${sets} set${sets === 1 ? '' : 's'} of attributes`
  const table = (title: string, pick: (times: Times) => number): void =>
    printTable(
      `${what}: ${title}`,
      senders.map(({ name, title }) => ({
        name: title,
        unit: 'ms',
        samples: (times.get(name) ?? []).map(pick),
      })),
    )
  table('session up to 99.8 % of the routes in BIRD', ({ most }) => most)
  table('session up to the last route in BIRD', ({ all }) => all)
  console.log(
    `memory with these routes to one peer: BIRD ${residentMemory(bird.child).toFixed(0)} MB, ` +
      `GoBGP ${residentMemory(gobgp).toFixed(0)} MB, ours ${((await speaker.weigh()) / 2 ** 20).toFixed(0)} MB`,
  )
  receiver.control.close()
  bird.control.close()
}

/** Milliseconds since the session came up. */
interface Times {
  readonly most: number
  readonly all: number
}

async function timeOf(sender: Sender, receiver: BirdControl): Promise<Times> {
  await sender.up()
  let most: number | undefined
  for (const deadline = monotonic() + patience; monotonic() < deadline;) {
    const { up, routes: seen } = await receiver.progress(`from_${sender.name}`)
    const since = up === undefined ? 0 : now() - up
    if (up !== undefined && seen >= routes * 0.998) most ??= since
    if (most !== undefined && seen === routes) return { most, all: since }
    // So that the question does not keep the router from its work.
    await delay(1)
  }
  throw new Error(`${sender.title}: not all routes within ${patience} ms`)
}

/** Epoch milliseconds with their fraction. */
const now = (): number => performance.timeOrigin + performance.now()

async function link(router: Netns, name: string, number: number): Promise<Netns> {
  const ns = await createNetns(name)
  await connect(
    { ns, device: 'eth0', addresses: [`10.0.${number}.2/24`] },
    { ns: router, device: `to-${name}`, addresses: [`10.0.${number}.1/24`] },
  )
  return ns
}

async function gobgpRoutes(ns: Netns): Promise<string | undefined> {
  const { stdout } = await run(ns, 'gobgp', ['global', 'rib', 'summary'])
  return /Destination: (\d+)/.exec(stdout)?.[1]
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
})

const receiverConfig = `
router id 10.0.0.1;
${timeFormat}
protocol device { scan time 10; }
${[
  ['ours', 1],
  ['bird', 2],
  ['gobgp', 3],
]
  .map(
    ([name, number]) => `
ipv4 table t_${name};
protocol bgp from_${name} {
  local 10.0.${number}.1 as 64512;
  neighbor 10.0.${number}.2 as 6450${number};
  passive on;
  error wait time 1, 1;
  ipv4 { table t_${name}; import all; export none; };
}`,
  )
  .join('')}
`

const senderConfig = (sets: number): string => `
router id 10.0.2.2;
protocol device { scan time 10; }
protocol static { ipv4;
${birdRoutes(routes, sets)}
}
template bgp sending {
  connect delay time 1; connect retry time 1; error wait time 1, 1;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}
protocol bgp to_router from sending { local 10.0.2.2 as 64502; neighbor 10.0.2.1 as 64512; }
protocol bgp to_gobgp from sending { local 10.0.9.1 as 64502; neighbor 10.0.9.2 as 64503; }
`

const gobgpConfig = `
[global.config]
  as = 64503
  router-id = "10.0.3.2"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.0.9.1"
    peer-as = 64502
  [neighbors.transport.config]
    passive-mode = true
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.0.3.1"
    peer-as = 64512
`

/**
 * Whether sessions with a hold time of 3 s live on: first while the main thread of the speaker is blocked for 10 s,
 * then while every core is busy and routes change all the time. Four sessions each of the speaker and, for a
 * yardstick, of a BIRD beside it.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAddress } from '#inet/address.ts'
import type { WirePeer } from '#speaker/wire/protocol.ts'
import { Speaker } from '../../test/interop/speaker.ts'
import { connect, createNetns, until } from '../../test/netns.ts'
import type { BirdControl } from './bird-control.ts'
import { startBird } from './daemons.ts'
import { birdRoutes, prefixAt, wireRoutes } from './routes.ts'

const routes = 10_000
const sessions = [1, 2, 3, 4]
const patience = 60_000
const blocks = 3
const blockTime = 10_000
/** Routes that change at a time, and how often: milliseconds. */
const churn = { routes: 100, every: 100 }

/** Prints how many sessions were lost. @param seconds of load */
export async function measureHold(folder: string, seconds: number): Promise<void> {
  const node = await createNetns('node')
  const other = await createNetns('other')
  const router = await createNetns('router')
  // A session each to an address of its own: BIRD has one a neighbor.
  const ends = (net: number): string[] => sessions.map((last) => `10.0.${net}.1${last}/24`)
  const addresses = sessions.map((last) => `10.0.1.${last}/24`)
  const others = sessions.map((last) => `10.0.2.${last}/24`)
  await connect({ ns: node, device: 'eth0', addresses: ends(1) }, { ns: router, device: 'eth0', addresses })
  await connect(
    { ns: other, device: 'eth0', addresses: ends(2) },
    { ns: router, device: 'eth1', addresses: others },
  )
  const receiver = await startBird(router, folder, 'receiver', receiverConfig)
  const bird = await startBird(other, folder, 'bird', birdConfig)
  const speaker = await Speaker.start(node)
  for (const last of sessions) {
    speaker.send({ kind: 'routes', put: wireRoutes(`peer-${last}`, routes, 1), remove: [] })
  }
  speaker.send({ kind: 'peers', peers: sessions.map(peerOf) })
  for (const name of sessionNames) {
    const complete = async (): Promise<boolean> => (await receiver.control.progress(name)).routes === routes
    await until(`all routes of ${name}`, complete, patience)
  }

  const before = await establishedTimes(receiver.control)
  for (let count = 0; count < blocks; count++) {
    await speaker.block(blockTime)
    await delay(1000)
  }
  const blocked = await lostSince(before, receiver.control)
  console.log(
    `\nhold time 3 s, main thread blocked ${blocks} times for ${blockTime / 1000} s: ` +
      `${blocked.ours} of ${sessions.length} sessions lost`,
  )

  const busy = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;) {}'], { stdio: 'ignore' }),
  )
  try {
    await churning(speaker, seconds)
  } finally {
    for (const child of busy) child.kill('SIGKILL')
  }
  const loaded = await lostSince(before, receiver.control)
  console.log(
    `hold time 3 s, ${seconds} s with every core busy and ${(churn.routes * 1000) / churn.every} changes a second: ` +
      `${loaded.ours} of ${sessions.length} sessions lost; BIRD, without changes: ${loaded.bird} of ${sessions.length}`,
  )
  receiver.control.close()
  bird.control.close()
}

async function churning(speaker: Speaker, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000
  for (let round = 0; performance.now() < end; round++) {
    const changed = Array.from({ length: churn.routes }, (_, index) =>
      prefixAt((round * churn.routes + index) % routes),
    )
    const put = sessions.flatMap((last) =>
      changed.map((prefix) => ({
        peer: `peer-${last}`,
        prefix,
        communities: [{ kind: 'standard', value: [64501, round % 60_000] } as const],
      })),
    )
    speaker.send({ kind: 'routes', put, remove: [] })
    await delay(churn.every)
  }
}

const sessionNames = ['ours', 'bird'].flatMap((who) => sessions.map((last) => `${who}_${last}`))

/** Since when each session is up; '' when it is not. */
async function establishedTimes(control: BirdControl): Promise<Map<string, string>> {
  const times = new Map<string, string>()
  for (const name of sessionNames) {
    const text = await control.ask(`show protocols ${name}`)
    times.set(name, /up\s+(\S+ \S+?|\S+)\s+Established/.exec(text)?.[1] ?? '')
  }
  return times
}

async function lostSince(
  before: ReadonlyMap<string, string>,
  control: BirdControl,
): Promise<{ ours: number; bird: number }> {
  const now = await establishedTimes(control)
  const lost = (who: string): number =>
    sessionNames.filter((name) => name.startsWith(who) && now.get(name) !== before.get(name)).length
  return { ours: lost('ours'), bird: lost('bird') }
}

const peerOf = (last: number): WirePeer => ({
  name: `peer-${last}`,
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress(`10.0.1.${last}`),
  sourceAddress: parseAddress(`10.0.1.1${last}`),
  port: 179,
  routerId: '10.0.1.10',
  holdTime: 3000,
  connectRetryTime: 100,
  multihop: false,
  families: ['ipv4-unicast'],
})

/** A table for each session, so that no route has a rival. */
const receiverConfig = `
router id 10.0.0.1;
timeformat protocol "%F %T.%3f";
protocol device { scan time 10; }
${[
  ['ours', 1],
  ['bird', 2],
]
  .flatMap(([who, net]) =>
    sessions.map(
      (last) => `
ipv4 table t_${who}_${last};
protocol bgp ${who}_${last} {
  local 10.0.${net}.${last} as 64512;
  neighbor 10.0.${net}.1${last} as 64500;
  passive on;
  hold time 3;
  ipv4 { table t_${who}_${last}; import all; export none; };
}`,
    ),
  )
  .join('')}
`

const birdConfig = `
router id 10.0.2.10;
protocol device { scan time 10; }
protocol static { ipv4;
${birdRoutes(routes, 1)}
}
${sessions
  .map(
    (last) => `
protocol bgp to_${last} {
  local 10.0.2.1${last} as 64500;
  neighbor 10.0.2.${last} as 64512;
  hold time 3; connect delay time 1; connect retry time 1;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}`,
  )
  .join('')}
`

import { setTimeout as delay } from 'node:timers/promises'
import type { Options } from './options.ts'
import type { World } from './world.ts'

/** Arguments of all speakers: how they watch each other. */
export const speakers = {
  default: '',
  slow: '--liveness-interval 300 --liveness-multiplier 3',
  fast: '--liveness-interval 100 --liveness-multiplier 3',
} as const

export type Speakers = keyof typeof speakers

/** Something that happens to the holder of an address. Each step returns when it is done. */
export interface Event {
  readonly name: string
  readonly title: string
  /** quoted for MetalLB 0.16.2, three nodes, memberlist on: median and worst */
  readonly metallb: string
  readonly aim: string
  readonly speakers: Speakers
  begin(world: World, holder: string): Promise<void>
  /** between the take-over and `heal`, at least so many milliseconds after `begin` */
  readonly healAfterMs?: (options: Options) => number
  /** ends the fault; absent when the return of the speaker is all there is to it */
  heal?(world: World, holder: string): Promise<void>
  /** puts the speaker back after a crash or a stop, as soon as another node has taken over */
  readonly restart?: true
  /** the router is on the other side of a split: its view is measured as well */
  readonly otherSide?: true
}

const KILLED = '5.5 / 6.1 s'

export const events = (options: Options): readonly Event[] => [
  {
    name: 'sigterm',
    title: 'planned hand-over: SIGTERM',
    metallb: '0.04 s; 0.21 s',
    aim: 'gap under 50 ms; two under 50 ms',
    speakers: 'default',
    begin: (world, holder) => world.fault('stop-speaker', holder),
    restart: true,
  },
  {
    name: 'drain',
    title: 'planned hand-over: fairlead drain',
    metallb: '0.04 s; 0.21 s',
    aim: 'gap under 50 ms; two under 50 ms',
    speakers: 'default',
    begin: (world, holder) => world.drain(holder),
    heal: (world, holder) => world.undrain(holder),
  },
  {
    name: 'kill',
    title: 'speaker killed, 6 x 140 ms (the default)',
    metallb: KILLED,
    aim: 'gap under 1 s',
    speakers: 'default',
    begin: (world, holder) => world.fault('crash-speaker', holder),
    restart: true,
  },
  {
    name: 'kill-slow',
    title: 'speaker killed, 3 x 300 ms',
    metallb: KILLED,
    aim: 'gap under 1 s',
    speakers: 'slow',
    begin: (world, holder) => world.fault('crash-speaker', holder),
    restart: true,
  },
  {
    name: 'kill-fast',
    title: 'speaker killed, 3 x 100 ms',
    metallb: KILLED,
    aim: 'gap under 0.4 s',
    speakers: 'fast',
    begin: (world, holder) => world.fault('crash-speaker', holder),
    restart: true,
  },
  {
    name: 'cut',
    title: 'node cut from the LAN',
    metallb: '6.0 / 6.8 s; healed 32 / 36 s',
    aim: 'gap under 1 s; two under 0.3 s',
    speakers: 'default',
    begin: (world, holder) => world.fault('partition', holder),
    heal: (world, holder) => world.fault('heal', holder),
  },
  {
    name: 'link-down',
    title: 'link down on the holder',
    metallb: '5.5 / 5.9 s; healed 20 / 24 s',
    aim: 'gap under 0.3 s; two under 0.3 s',
    speakers: 'default',
    begin: (world, holder) => world.fault('link-down', holder),
    heal: (world, holder) => world.fault('link-up', holder),
  },
  {
    name: 'freeze',
    title: 'speaker frozen, then thawed',
    metallb: '6.3 / 6.7 s; thawed 0.06 / 0.21 s',
    aim: 'gap under 1 s; two under 0.1 s',
    speakers: 'default',
    begin: (world, holder) => world.fault('freeze-speaker', holder),
    heal: (world, holder) => world.fault('thaw-speaker', holder),
  },
  {
    name: 'api',
    title: `API away ${options.apiAwaySeconds} s, holder killed in the middle`,
    metallb: '5.3 / 6.5 s',
    aim: 'as without: under 1 s',
    speakers: 'default',
    begin: async (world, holder) => {
      await world.fault('api-outage')
      await delay(options.apiAwaySeconds * 500)
      await world.fault('crash-speaker', holder)
    },
    healAfterMs: () => options.apiAwaySeconds * 1000,
    heal: (world) => world.fault('api-back'),
    restart: true,
  },
  {
    name: 'split',
    title: `LAN split in two for ${options.splitSeconds} s, then healed`,
    metallb: 'other half 5.9 / 8.2 s; healed 53 / 61 s',
    aim: 'other half under 1 s; two under 0.3 s',
    speakers: 'default',
    begin: (world, holder) => world.split(holder),
    healAfterMs: () => options.splitSeconds * 1000,
    heal: (world) => world.fault('join'),
    otherSide: true,
  },
]

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ManagedProcess } from '../managed-process.ts'
import { LAN, ROUTER, ROUTER_ASN } from '../network/addressing.ts'
import type { RouterPlace } from './router.ts'

/** The last private AS number: what the router calls itself in private. */
const MEMBER_ASN = 4294967294

/**
 * BIRD 2 as a router that takes sessions from any address of the LAN and any AS, and uses what it hears.
 *
 * A dynamic BGP protocol is either internal or external, and BIRD refuses an OPEN with its own AS in an external
 * one. A confederation separates the two: the router says `ROUTER_ASN` in its OPEN, but compares the peer's AS with
 * its member number, which nobody uses. So internal peers are welcome too; attributes that only internal peers send
 * are allowed for all.
 */
export function birdConfig(): string {
  return `# Written by the lab. Change it and run "birdc configure".
log stderr all;
router id ${ROUTER.v4};

protocol device { scan time 10; }
protocol direct { ipv4; ipv6; interface "eth0"; }

protocol kernel { ipv4 { import none; export where source != RTS_DEVICE; }; merge paths on limit 128; }
protocol kernel { ipv6 { import none; export where source != RTS_DEVICE; }; merge paths on limit 128; }

protocol bfd { interface "eth0" { min rx interval 300 ms; min tx interval 300 ms; multiplier 3; }; }

template bgp peer {
  local as ${MEMBER_ASN};
  confederation ${ROUTER_ASN};
  hold time 90;
  bfd on;
  allow bgp_local_pref on;
  allow local as 8;
  dynamic name digits 3;
  ipv4 { import all; export none; extended next hop on; };
  ipv6 { import all; export none; };
}

protocol bgp lan4 from peer {
  dynamic name "peer4_";
  neighbor range ${LAN.v4} external;
}
protocol bgp lan6 from peer {
  dynamic name "peer6_";
  neighbor range ${LAN.v6} external;
}
`
}

export function bird({ enter, etc, logs }: RouterPlace): ManagedProcess[] {
  const config = join(etc, 'bird.conf')
  writeFileSync(config, birdConfig())
  // Where birdc looks by itself.
  mkdirSync('/run/bird', { recursive: true })
  const command = [
    ...enter,
    'bird',
    '-f',
    '-c',
    config,
    '-s',
    '/run/bird/bird.ctl',
    '-P',
    '/run/bird/bird.pid',
  ]
  return [new ManagedProcess({ command: command as [string, ...string[]], log: join(logs, 'router.log') })]
}

import type { Regression } from './regression.ts'

/** Addresses that come and go, are refused or used by others. */
export const addresses: readonly Regression[] = [
  {
    name: 'an answer does not leave after the address was given up',
    scenario: `
seed 179, nodes 3, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   4.0000  linkDown node-b
   7.0850  freeze node-a
   7.1900  remove 10.0.1.50
   7.4610  stop node-c
   8.4610  thaw node-a`,
  },
  {
    name: 'news of others is no reason to try again what was refused',
    scenario: `
seed 886, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   8.7870  apiDown node-d
  17.2720  linkDown node-c`,
  },
  {
    name: 'an address that another host has used is tried again',
    scenario: `
seed 536, nodes 4, addresses 10.0.1.50, stale 6000, lease 8000, liveness 3 300
  24.8200  linkDown node-c
  27.7040  drain node-d
  28.0620  apiUp
  28.6160  linkUp node-c
  28.9750  prefer node-c 10.0.1.50 50
  30.3920  foreign 10.0.1.50
  30.4340  crash node-c
  30.5550  start node-c
  31.0500  foreignGone 10.0.1.50`,
  },
  {
    name: 'answers that waited are dropped with the address',
    scenario: `
seed 2275, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   4.0000  block node-c node-a+node-c+node-d+node-e
   4.1110  unblock
   4.7100  crash node-d
   4.7820  stop node-c
   4.8540  start node-d
   5.5300  foreign 2001:db8::55
   5.7620  stop node-a
   5.7850  prefer node-d 2001:db8::52 50
   6.1650  apiDown node-a
   6.7010  foreignGone 2001:db8::55
   6.8910  start node-a
   7.6160  apiUp node-a
   7.7000  start node-c
   9.0690  linkDown node-a
   9.1920  split node-a+node-b+node-e
  10.0170  apiDown
  11.1650  freeze node-b
  11.6630  linkDown node-d
  11.7570  linkDown node-c
  11.8030  heal
  12.1890  freeze node-d
  12.2110  linkUp node-d
  12.3930  linkUp node-c
  12.3930  thaw node-d`,
  },
  {
    name: 'a preferred node that was taken for dead gets its address back at once',
    scenario: `
seed 25640, nodes 4, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.57, stale 6724, lease 8675, liveness 6 140
   4.9370  prefer node-b 10.0.1.50 100
   5.0290  apiDown
   5.2180  pause node-b
   5.6550  resume node-b
   8.3050  pause node-a`,
  },
]

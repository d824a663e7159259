import type { Regression } from './regression.ts'

/** Nodes that start, stop and come back. */
export const lives: readonly Regression[] = [
  {
    name: 'a holder that has crashed and is back before its successor has taken over remembers nothing',
    scenario: `
seed 88, nodes 3, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
  14.1450  stop node-b
  14.1860  stop node-c
  14.9340  start node-c
  20.0640  crash node-a
  20.1580  start node-a`,
  },
  {
    name: 'a node that has started in its half of a split LAN hears of the other half when it is healed',
    scenario: `
seed 45, nodes 4, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   4.0000  block node-a+node-c+node-d node-a
   4.1040  remove 10.0.1.51
   4.2330  add 10.0.1.51
   4.3280  foreign 10.0.1.56
   4.3580  freeze node-a
   4.8590  serve node-b 10.0.1.56 false
   5.0350  split node-b
   5.1120  serve node-b 10.0.1.56 true
   5.1240  unblock
   5.1850  prefer node-d 10.0.1.56 100
   5.2980  remove 10.0.1.53
   5.9790  thaw node-a
   6.0530  stop node-b
   6.6750  apiDown
   7.2420  freeze node-a
   7.5120  prefer node-c 2001:db8::52 50
   7.5210  apiUp
   7.7020  add 10.0.1.53
   8.1920  crash node-d
   8.6930  start node-b
   9.6150  remove 10.0.1.56
  10.4700  heal`,
  },
  {
    name: 'a node whose status names no interface for a moment is no stranger',
    scenario: `
seed 74, nodes 4, addresses 2001:db8::52 10.0.1.53 10.0.1.54 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   5.9000  linkDown node-d
   6.0250  apiDown node-b
   6.4960  linkUp node-d`,
  },
  {
    name: 'nor is it to one that has started meanwhile',
    scenario: `
seed 374, nodes 4, addresses 10.0.1.51 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   4.0000  freeze node-c
   5.2000  crash node-a
   5.3320  linkDown node-d
   5.6040  crash node-b
   5.6860  start node-b
   6.8570  linkUp node-d
   7.4780  linkDown node-a
   7.7130  linkUp node-a
   8.6330  stop node-d
   8.6570  freeze node-b
   8.7260  apiUp
   8.8900  thaw node-b
   9.3760  apiDown node-c
   9.4520  linkDown node-b
   9.5610  apiDown
   9.7180  apiUp node-c
  10.0760  linkUp node-b
  12.3830  apiUp
  12.4510  apiDown node-b
  12.7750  start node-a
  13.0360  freeze node-b
  13.5320  thaw node-b`,
  },
  {
    name: 'a stopping node that hears its successor again hands everything over at once',
    scenario: `
seed 954, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 2001:db8::55 10.0.1.56, stale 6000, lease 8000, liveness 3 300
   9.4750  linkDown node-a
   9.5420  linkDown node-b
   9.5680  block node-a+node-b+node-e node-c
  12.2640  linkUp node-a
  12.9730  stop node-c
  13.4090  unblock`,
  },
  {
    name: 'a node that could not say goodbye starts again while the API is away',
    scenario: `
seed 689, nodes 3, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56, stale 6000, lease 8000, liveness 3 300
   4.0000  stop node-c
   4.0530  apiDown
   6.1040  start node-c
   6.2040  apiUp
   6.5890  crash node-a`,
  },
  {
    name: 'a stop during a one-way fault overlooks no address',
    scenario: `
seed 6185, nodes 5, addresses 10.0.1.50 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   4.0000  linkDown node-d
   4.0960  apiDown node-a
   5.5420  stop node-b
   5.5860  block node-e node-c
   7.7380  stop node-c
   7.9300  unblock`,
  },
  {
    name: 'a stop, a split and a node without API',
    scenario: `
seed 11155, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   6.8200  crash node-d
   7.0000  stop node-e
   7.8820  apiUp node-b
   9.4600  start node-d
   9.9820  apiDown node-d
  12.4850  stop node-b
  15.1750  split node-c+node-e
  15.4220  heal`,
  },
  {
    name: 'a stop in a split LAN with loss',
    scenario: `
seed 11250, nodes 5, addresses 10.0.1.51 2001:db8::52 10.0.1.54 2001:db8::55, stale 6000, lease 8000, liveness 3 300
   4.0000  linkDown node-c
   4.4270  split node-a+node-c+node-d+node-e
   4.4950  stop node-a
   5.0300  quality {"delay":0.2,"jitter":0.3,"loss":0.4727701906627044,"duplicates":0}
   5.1350  quality {"delay":0.2,"jitter":0.3,"loss":0,"duplicates":0}`,
  },
]

import type { Regression } from './regression.ts'

/** Several nodes that hold or claim one address. */
export const contests: readonly Regression[] = [
  {
    name: 'a contest under loss goes on when the loss is over',
    scenario: `
seed 2634, nodes 3, addresses 10.0.1.51 2001:db8::52 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   4.0000  quality {"delay":0.2,"jitter":0.3,"loss":0.43802352326223626,"duplicates":0}
   4.0250  split node-c
   4.1640  drain node-c
   4.2720  undrain node-c
   4.3830  prefer node-b 10.0.1.54 0
   4.4230  heal
   4.6600  block node-b node-c
   4.7570  apiDown
   5.0440  freeze node-c
   5.1780  unblock
   5.2050  thaw node-c
   5.2650  apiUp
   5.3810  stop node-a
   6.2130  drain node-b
   6.4060  undrain node-b
   7.0380  quality {"delay":3.489866795134731,"jitter":6.2922133058309555,"duplicates":0.17488905750215056,"loss":0}`,
  },
  {
    name: 'three holders after a split, one of them stale',
    scenario: `
seed 574, nodes 4, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
  10.5590  serve node-c 10.0.1.54 false
  11.8250  apiDown node-b
  14.2540  split node-b+node-c
  17.8420  heal`,
  },
  {
    name: 'a holder without API and three others after a one-way fault',
    scenario: `
seed 6668, nodes 5, addresses 10.0.1.51 10.0.1.53 10.0.1.54 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   6.7660  apiDown node-c
  10.0560  block node-a node-a+node-b+node-c+node-d
  11.4390  unblock`,
  },
  {
    name: 'a marked node and two rivals',
    scenario: `
seed 7457, nodes 5, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   9.2970  apiDown node-d
  14.4660  linkDown node-e
  16.1450  linkUp node-e`,
  },
  {
    name: 'healed while one of the holders has no link',
    scenario: `
seed 661, nodes 3, addresses 10.0.1.50 10.0.1.51 10.0.1.57, stale 6000, lease 8000, liveness 3 300
   9.0630  split node-b
  10.3700  linkDown node-a
  13.9210  heal`,
  },
  {
    name: 'two holders that refuse in turn cause no storm',
    scenario: `
seed 7379, nodes 3, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56, stale 6000, lease 8000, liveness 3 300
   6.2710  prefer node-a 2001:db8::55 100
  12.6970  apiDown node-a
  23.6250  linkUp node-c
  24.2840  thaw node-a
  26.2180  freeze node-b
  26.3420  thaw node-b
  27.9300  block node-c node-b`,
  },
  {
    name: 'three claimants after a pause',
    scenario: `
seed 12211, nodes 5, addresses 10.0.1.51 2001:db8::52 2001:db8::55 10.0.1.57, stale 6000, lease 8000, liveness 3 300
  22.6990  freeze node-e
  22.7530  freeze node-a
  22.7840  linkUp node-d
  25.6570  apiDown node-e
  28.5030  thaw node-e
  28.5060  prefer node-b 2001:db8::52 0
  28.6050  freeze node-b
  29.4910  linkDown node-a
  29.9130  thaw node-a
  29.9190  freeze node-a
  30.7420  thaw node-a
  30.7590  freeze node-a
  30.8130  thaw node-a
  30.9450  linkUp node-a
  30.9450  apiUp`,
  },
  {
    name: 'three claimants of which one has no API',
    scenario: `
seed 402, nodes 4, addresses 10.0.1.51 2001:db8::52 10.0.1.56, stale 6000, lease 8000, liveness 3 300
   5.1360  freeze node-b
   5.6030  crash node-d
   5.7490  start node-d
   5.7490  freeze node-d
   5.8050  thaw node-d
   6.0860  freeze node-d
   6.1840  thaw node-d
   6.1960  freeze node-d
   6.2180  thaw node-d
   6.2210  freeze node-d
   6.3600  thaw node-d
   7.2320  quality {"delay":1.5365092186955736,"jitter":2.7062134463340044,"duplicates":0.04361938550136984,"loss":0}
   7.2900  freeze node-d
   7.2950  quality {"delay":0.2,"jitter":0.3,"loss":0.4590975090395659,"duplicates":0}
   9.5990  thaw node-b
   9.7240  apiDown node-b
  11.9030  quality {"delay":0.2,"jitter":0.3,"loss":0.25866302743088454,"duplicates":0}
  13.2530  thaw node-d
  13.8740  quality {"delay":0.2,"jitter":0.3,"loss":0,"duplicates":0}
  14.5130  linkUp node-d
  14.5310  resend node-d
  16.5070  split node-b+node-d
  17.4200  heal`,
  },
]

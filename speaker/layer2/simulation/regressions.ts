/** Scenarios that have shown a defect once, reduced to the acts that it took. */
export const regressions: readonly { readonly name: string; readonly scenario: string }[] = [
  {
    name: 'a holder that has crashed and is back before its successor has taken over remembers nothing',
    scenario: `
seed 88, nodes 3, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
  14.1450  stop node-b
  14.1860  stop node-c
  14.9340  start node-c
  20.0640  crash node-a
  20.1580  start node-a`,
  },
  {
    name: 'a node that has started in its half of a split LAN hears of the other half when it is healed',
    scenario: `
seed 45, nodes 4, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 10.0.1.56 10.0.1.57, stale 6000, lease 8000
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
seed 74, nodes 4, addresses 2001:db8::52 10.0.1.53 10.0.1.54 10.0.1.56 10.0.1.57, stale 6000, lease 8000
   5.9000  linkDown node-d
   6.0250  apiDown node-b
   6.4960  linkUp node-d`,
  },
  {
    name: 'nor is it to one that has started meanwhile',
    scenario: `
seed 374, nodes 4, addresses 10.0.1.51 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.57, stale 6000, lease 8000
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
seed 954, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 2001:db8::55 10.0.1.56, stale 6000, lease 8000
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
seed 689, nodes 3, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56, stale 6000, lease 8000
   4.0000  stop node-c
   4.0530  apiDown
   6.1040  start node-c
   6.2040  apiUp
   6.5890  crash node-a`,
  },
  {
    name: 'a contest under loss goes on when the loss is over',
    scenario: `
seed 2634, nodes 3, addresses 10.0.1.51 2001:db8::52 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
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
seed 574, nodes 4, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
  10.5590  serve node-c 10.0.1.54 false
  11.8250  apiDown node-b
  14.2540  split node-b+node-c
  17.8420  heal`,
  },
  {
    name: 'a stop during a one-way fault overlooks no address',
    scenario: `
seed 6185, nodes 5, addresses 10.0.1.50 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
   4.0000  linkDown node-d
   4.0960  apiDown node-a
   5.5420  stop node-b
   5.5860  block node-e node-c
   7.7380  stop node-c
   7.9300  unblock`,
  },
  {
    name: 'a holder without API and three others after a one-way fault',
    scenario: `
seed 6668, nodes 5, addresses 10.0.1.51 10.0.1.53 10.0.1.54 10.0.1.57, stale 6000, lease 8000
   6.7660  apiDown node-c
  10.0560  block node-a node-a+node-b+node-c+node-d
  11.4390  unblock`,
  },
  {
    name: 'a marked node and two rivals',
    scenario: `
seed 7457, nodes 5, addresses 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
   9.2970  apiDown node-d
  14.4660  linkDown node-e
  16.1450  linkUp node-e`,
  },
  {
    name: 'an answer does not leave after the address was given up',
    scenario: `
seed 179, nodes 3, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.57, stale 6000, lease 8000
   4.0000  linkDown node-b
   7.0850  freeze node-a
   7.1900  remove 10.0.1.50
   7.4610  stop node-c
   8.4610  thaw node-a`,
  },
  {
    name: 'healed while one of the holders has no link',
    scenario: `
seed 661, nodes 3, addresses 10.0.1.50 10.0.1.51 10.0.1.57, stale 6000, lease 8000
   9.0630  split node-b
  10.3700  linkDown node-a
  13.9210  heal`,
  },
  {
    name: 'news of others is no reason to try again what was refused',
    scenario: `
seed 886, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
   8.7870  apiDown node-d
  17.2720  linkDown node-c`,
  },
  {
    name: 'an address that another host has used is tried again',
    scenario: `
seed 536, nodes 4, addresses 10.0.1.50, stale 6000, lease 8000
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
    name: 'two holders that refuse in turn cause no storm',
    scenario: `
seed 7379, nodes 3, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56, stale 6000, lease 8000
   6.2710  prefer node-a 2001:db8::55 100
  12.6970  apiDown node-a
  23.6250  linkUp node-c
  24.2840  thaw node-a
  26.2180  freeze node-b
  26.3420  thaw node-b
  27.9300  block node-c node-b`,
  },
  {
    name: 'a stop, a split and a node without API',
    scenario: `
seed 11155, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
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
seed 11250, nodes 5, addresses 10.0.1.51 2001:db8::52 10.0.1.54 2001:db8::55, stale 6000, lease 8000
   4.0000  linkDown node-c
   4.4270  split node-a+node-c+node-d+node-e
   4.4950  stop node-a
   5.0300  quality {"delay":0.2,"jitter":0.3,"loss":0.4727701906627044,"duplicates":0}
   5.1350  quality {"delay":0.2,"jitter":0.3,"loss":0,"duplicates":0}`,
  },
  {
    name: 'three claimants after a pause',
    scenario: `
seed 12211, nodes 5, addresses 10.0.1.51 2001:db8::52 2001:db8::55 10.0.1.57, stale 6000, lease 8000
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
seed 402, nodes 4, addresses 10.0.1.51 2001:db8::52 10.0.1.56, stale 6000, lease 8000
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
  {
    name: 'answers that waited are dropped with the address',
    scenario: `
seed 2275, nodes 5, addresses 10.0.1.50 10.0.1.51 2001:db8::52 10.0.1.53 10.0.1.54 2001:db8::55 10.0.1.56 10.0.1.57, stale 6000, lease 8000
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
]

import type { Pool } from '#crds/config.ts'
import { allocation, pool } from '../allocator/test-pools.ts'

/*
 * The pools of the acceptance cases. Those of which only one may be there at a time, because they overlap or because
 * several unrestricted pools with autoAssign would be tried in an order that upstream leaves to chance, are apart.
 */
const team = { serviceSelectors: [{ matchLabels: { team: 'metallb' } }] }
const ns1 = { namespaces: ['test-ns1'] }

export const p1 = pool('p1', ['1.2.3.0/31'])
export const p3 = pool('p3', ['1000::/127'])
export const p5 = pool('p5', ['1.2.3.0/31', '1000::/127'])

/** None of them is chosen for a Service that is not of theirs and does not ask for them. */
export const others: readonly Pool[] = [
  pool('p2', ['3.4.5.6/32'], { autoAssign: false }),
  pool('p4', ['2000::1/128'], { autoAssign: false }),
  pool('p6', ['7.8.9.0/31'], allocation({ ...ns1, priority: 10 })),
  pool('p7', ['10.11.12.0/31'], allocation({ ...ns1, priority: 11 })),
  pool('p8', ['13.14.15.0/31'], allocation({ ...team, priority: 9 })),
  pool('p9', ['16.17.18.0/31'], allocation({ namespaces: ['test-ns2'] })),
  pool('p10', ['19.20.21.0/31'], allocation({ ...team, priority: 8 })),
  pool('p11', ['22.23.24.0/31'], allocation({ ...ns1, ...team, priority: 8 })),
  pool('p12', ['25.26.27.0/31'], allocation({ ...ns1, ...team, priority: 5 })),
]

/** For a Service: annotations and specs that the cases are made of. */
export const ips = (text: string) => ({ annotations: { 'metallb.io/loadBalancerIPs': text } })
export const from = (name: string) => ({ annotations: { 'metallb.io/address-pool': name } })
export const require = { ipFamilyPolicy: 'RequireDualStack' }
export const prefer = { ipFamilyPolicy: 'PreferDualStack' }
export const v4 = { clusterIPs: ['1.2.3.4'] }
export const v6 = { clusterIPs: ['3000::1'] }
export const dual = { clusterIPs: ['1.2.3.4', '3000::1'] }

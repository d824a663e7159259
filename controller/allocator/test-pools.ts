import { compareAddresses, parseAddress } from '#inet/address.ts'
import { parseRange } from '#inet/range.ts'
import type { Pool, PoolAllocation } from '#crds/config.ts'
import type { AllocationRequest } from './request.ts'

/** For tests: a pool of these ranges. */
export const pool = (name: string, ranges: readonly string[], more: Partial<Pool> = {}): Pool => ({
  name,
  labels: {},
  ranges: ranges.map(parseRange),
  autoAssign: true,
  avoidBuggyIPs: false,
  ...more,
})

export const allocation = (more: Partial<PoolAllocation>): { allocation: PoolAllocation } => ({
  allocation: { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [], ...more },
})

/** For tests: a single-stack IPv4 request, unless said otherwise. */
export function request(
  more: Partial<Omit<AllocationRequest, 'addresses' | 'claim'>> &
    Partial<AllocationRequest['claim']> & { addresses?: readonly string[] } = {},
): AllocationRequest {
  const { addresses = [], sharingKey = '', backendKey = '', ports = ['TCP/80'], ...rest } = more
  return {
    namespace: 'test',
    labels: {},
    families: [4],
    preferDual: false,
    primary: 4,
    pool: '',
    reservation: '',
    ...rest,
    addresses: addresses.map(parseAddress).sort(compareAddresses),
    claim: { sharingKey, backendKey, ports },
  }
}

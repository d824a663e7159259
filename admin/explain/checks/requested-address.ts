import { formatAddress, tryParseAddress } from '#inet/address.ts'
import { parseRange, rangeContains } from '#inet/range.ts'
import type { Service } from '#kube/objects/service.ts'
import { fail, ok, unknown, type Check } from '../check.ts'
import type { PoolEvidence } from '../evidence.ts'
import { addressElsewhere } from './elsewhere.ts'

const ANNOTATIONS = ['metallb.io/loadBalancerIPs', 'metallb.universe.tf/loadBalancerIPs']

/** The addresses a Service asks for, as written. */
function requestedAddresses(service: Service): string[] {
  const annotation = ANNOTATIONS.map((name) => service.annotations[name]).find((value) => value !== undefined)
  const texts = annotation === undefined ? [service.loadBalancerIP] : annotation.split(',')
  return texts.map((text) => text.trim()).filter((text) => text !== '')
}

/** Check 3: an address that was asked for must be legal and free. */
export const requestedAddressCheck: Check = {
  id: 'requested-address',
  question: 'Is the requested address legal and free?',
  run(evidence) {
    const { service, allocation, pools } = evidence
    if (service === undefined) return unknown('there is no Service')
    const elsewhere = addressElsewhere(evidence)
    if (elsewhere !== undefined) return elsewhere
    const requested = requestedAddresses(service)
    if (requested.length === 0) return ok('no particular address was asked for')
    if (allocation === undefined || pools === undefined) return unknown('only the controller knows the pools')
    for (const text of requested) {
      const address = tryParseAddress(text)
      if (address === undefined)
        return fail(`${text} is not an IP address`, 'correct the request on the Service')
      if (!pools.some((pool) => pool.ranges.some((range) => rangeContains(parseRange(range), address)))) {
        return fail(
          `${text} is in no pool (${listPools(pools)})`,
          'ask for an address inside a pool, or add it to one',
        )
      }
    }
    const given = new Set(allocation.addresses.map(canonical))
    const missing = requested.filter((text) => !given.has(canonical(text)))
    if (missing.length > 0) return fail(allocation.message, 'ask for another address, or free this one')
    return ok(`${requested.join(', ')} was asked for and given`)
  },
}

/** People write one address in many ways. */
function canonical(text: string): string {
  const address = tryParseAddress(text)
  return address === undefined ? text : formatAddress(address)
}

const listPools = (pools: readonly PoolEvidence[]): string =>
  pools.map(({ name, ranges }) => `${name} ${ranges.join(' ')}`).join(', ') || 'there are none'

import type { BgpPlan } from '../bgp/advertise.ts'

/** Those of a Service's addresses that some session of this node may carry: a session has the families of its BGPPeer. */
export function routedAddresses(
  addresses: readonly string[],
  { routes }: Pick<BgpPlan, 'routes'>,
): readonly string[] {
  return addresses.filter((address) => routes.some(({ prefix }) => isV6(prefix) === isV6(address)))
}

const isV6 = (text: string): boolean => text.includes(':')

import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { must, type Netns } from '../../../test/netns.ts'
import type { ForwardingConfig, NodeContext } from '../config.ts'
import type { Dataplane } from '../dataplane.ts'
import { Forwarder } from '../forwarder.ts'
import { KernelDataplane } from '../nft/kernel-dataplane.ts'

/** The kernel's data plane of a namespace; its rules stay when it is closed. */
export const openPlane = (ns: Netns, { detector }: ForwardingConfig): KernelDataplane =>
  new KernelDataplane({
    socket: inNetworkNamespace(ns.path, openNetfilterSocket),
    nft: async (script) => void (await must(ns, 'nft', ['-f', '-'], script)),
    detector,
  })

/** A speaker's forwarding that knows the node and has not been told of any Service; `allListed` sets it going. */
export function openForwarder(dataplane: Dataplane, config: ForwardingConfig, node: NodeContext): Forwarder {
  const forwarder = new Forwarder({ dataplane, clock: systemClock, config, log: silentLogger })
  forwarder.start()
  forwarder.setNode(node)
  return forwarder
}

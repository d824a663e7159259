import type { Family } from '#inet/address.ts'
import { setIntOption, socketOptions, tryIntOption } from './libc.ts'

/** linux/pkt_sched.h: queues of this node that know priorities (pfifo_fast, prio, fq) send these first. */
const TC_PRIO_CONTROL = 7
/** DSCP CS6, network control (RFC 4594 3.1), in an IPv4 TOS or IPv6 traffic class octet. */
const CLASS_SELECTOR_6 = 0xc0

/**
 * What the socket sends goes before bulk: in the queues of this node, and with `family` in those of routers. Without
 * it answers and heartbeats wait behind whatever saturates the link, and are lost with it.
 * @param family of the packets, undefined for frames without an IP header of ours
 */
export function setNetworkControl(fd: number, family: Family | undefined): void {
  // Before the priority, which IP_TOS would set to another one.
  if (family === 4) setIntOption(fd, socketOptions.ipTos, CLASS_SELECTOR_6, 'IP_TOS')
  if (family === 6) setIntOption(fd, socketOptions.ipv6TrafficClass, CLASS_SELECTOR_6, 'IPV6_TCLASS')
  // Takes CAP_NET_ADMIN, or CAP_NET_RAW with newer kernels; who has neither sends as everybody does.
  tryIntOption(fd, socketOptions.priority, TC_PRIO_CONTROL)
}

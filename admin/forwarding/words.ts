import { tryParseAddress } from '#inet/address.ts'
import type { ForwardingInspection } from '#speaker/forwarding/inspection.ts'
import { tuple } from '#speaker/forwarding/model.ts'
import type { FrontendView } from '#speaker/forwarding/view.ts'

/** `10.96.0.1:80`, `[fd00::1]:80`, `*:30080` for NodePorts. */
export const hostPort = (address: string, port: number | string): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** `10.96.0.1:80/tcp`; without a port the address alone. */
export const targetText = (address: string, port: number | string, protocol: string): string =>
  protocol.toLowerCase() === 'icmp'
    ? `${address}/icmp`
    : `${hostPort(address, port)}/${protocol.toLowerCase()}`

/** A frontend as a person names it: `NodePort 30080/tcp`, `LoadBalancer 192.0.2.1:80/tcp`. */
export const frontendWords = ({ kind, address, port, protocol }: FrontendView): string =>
  kind === 'NodePort'
    ? `NodePort ${port}/${protocol.toLowerCase()}`
    : `${kind} ${targetText(address, port, protocol)}`

/** The Service that has a frontend; undefined for a NodePort, which nobody contests. */
export function holderOf(
  { holder }: Pick<ForwardingInspection, 'holder'>,
  { address, protocol, port }: FrontendView,
): string | undefined {
  const family = tryParseAddress(address)?.family
  return family === undefined ? undefined : holder(family, tuple(address, protocol.toLowerCase(), port))
}

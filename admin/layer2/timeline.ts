import { formatAddress, tryParseAddress } from '#inet/address.ts'
import type { SpeakerView } from '#speaker/view.ts'
import type { Layer2Event } from '#speaker/wire/protocol.ts'
import { AdminError } from '../errors.ts'

/** What happened to an address on one node, oldest first; what concerns every address of the node is among it. */
export interface TimelineDocument {
  readonly node: string
  /** '' when all addresses were asked for */
  readonly address: string
  /** the node answers for the address now */
  readonly held: boolean
  /** of the node, so that a capture can be read */
  readonly interfaces: readonly { readonly name: string; readonly mac: string }[]
  readonly items: readonly Layer2Event[]
}

/**
 * @param text an address in any form, or undefined for all
 * @throws AdminError FL_ADMIN_ARGUMENT when it is no address
 */
export function timelineDocument(
  view: Pick<SpeakerView, 'node' | 'interfaces' | 'layer2Of' | 'layer2Events'>,
  text: string | undefined,
): TimelineDocument {
  const address = text === undefined ? undefined : canonical(text)
  return {
    node: view.node,
    address: address ?? '',
    held: address !== undefined && view.layer2Of(address)?.holder?.held === true,
    interfaces: view.interfaces.map(({ name, mac }) => ({ name, mac })),
    items: view.layer2Events(address),
  }
}

function canonical(text: string): string {
  const address = tryParseAddress(text)
  if (address === undefined)
    throw new AdminError('FL_ADMIN_ARGUMENT', 400, `address: ${text} is not an address`)
  return formatAddress(address)
}

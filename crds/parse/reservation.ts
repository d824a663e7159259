import { compareAddresses, tryParseAddress, type Address } from '#inet/address.ts'
import type { Reservation } from '../config.ts'
import { Fields, isRecord, type Issue } from './fields.ts'
import { readMetadata } from './metadata.ts'

/**
 * Reads an AddressReservation. Never throws: one in error keeps no address, and `invalid` says why.
 * @param raw the object as the API server sent it
 */
export function parseReservation(raw: unknown): Reservation {
  const issues: Issue[] = []
  const { name, namespace, labels, creationTimestamp } = readMetadata(raw, issues)
  const object = isRecord(raw) ? raw : {}
  const spec = new Fields(object['spec'], 'spec', issues)
  const addresses = readAddresses(spec)
  const pools = spec.strings('pools').map(({ value }) => value)
  // The status is ours; what others put there counts for nothing.
  const status = new Fields(object['status'], 'status', [])
  const error = issues.find(({ severity }) => severity === 'error')
  return {
    name,
    namespace,
    labels,
    created: creationTimestamp,
    addresses: error === undefined ? addresses : [],
    pools,
    invalid: error === undefined ? '' : `${error.field}: ${error.message}`,
    recordedService: status.string('service') ?? '',
  }
}

function readAddresses(spec: Fields): Address[] {
  const addresses: Address[] = []
  if (spec.list('addresses').length === 0) spec.error('FL_CRD_REQUIRED', 'addresses', 'there is no address')
  for (const { value, path } of spec.strings('addresses')) {
    const address = tryParseAddress(value)
    const text = JSON.stringify(value.slice(0, 64))
    if (address === undefined) spec.errorAt('FL_RESERVATION_ADDRESS', path, `invalid IP address ${text}`)
    else if (addresses.some(({ family }) => family === address.family))
      spec.errorAt('FL_RESERVATION_ADDRESS', path, `${text} is the second address of its family`)
    else addresses.push(address)
  }
  return addresses.sort(compareAddresses)
}

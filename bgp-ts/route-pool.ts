import { AttributeSets } from './attribute-sets.ts'
import { Destinations } from './destinations.ts'
import { BatchWriter } from './update-batch.ts'
import { UpdateGroups } from './update-groups.ts'
import { maxMessageLength } from './wire/header.ts'

/**
 * What the sessions of one speaker have in common: their prefixes, their attributes, and what becomes of these on
 * sessions that are alike. All of it lasts as long as somebody uses it.
 */
export class RoutePool {
  readonly destinations = new Destinations()
  readonly sets = new AttributeSets()
  readonly groups = new UpdateGroups()
  /** memory to make UPDATEs in, and the prefixes of one of them */
  readonly batch = new BatchWriter()
  readonly nlri = new Uint8Array(maxMessageLength)
}

interface Entry {
  readonly manager?: string
  readonly subresource?: string
  readonly time?: string
  readonly fieldsV1?: { readonly 'f:status'?: { readonly 'f:loadBalancer'?: object } }
}

/** The field managers of our own components. */
const OURS = /^fairlead/

/**
 * Who wrote `status.loadBalancer` last, as the API server keeps it in managedFields, when that was not Fairlead; ''
 * otherwise, and when nothing is kept.
 */
export function foreignStatusManager(managedFields: readonly unknown[] | undefined): string {
  let last: Entry | undefined
  for (const entry of (managedFields ?? []) as readonly Entry[]) {
    if (entry.subresource !== 'status' || entry.fieldsV1?.['f:status']?.['f:loadBalancer'] === undefined)
      continue
    if (OURS.test(entry.manager ?? '')) continue
    if (last === undefined || (entry.time ?? '') > (last.time ?? '')) last = entry
  }
  return last?.manager ?? ''
}

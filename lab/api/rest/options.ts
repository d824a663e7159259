/** Who asks, and how; the same for all writes. */
export interface WriteRequest {
  /** manager of the fields that are written */
  readonly fieldManager: string
  /** everything is checked, nothing is stored */
  readonly dryRun: boolean
  /** what happens to fields that the schema does not know */
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  /** texts for Warning headers are appended */
  readonly warnings: string[]
}

/** metav1.DeleteOptions, as far as they are obeyed. */
export interface DeleteRequest {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly dryRun: boolean
}

/** How synchronising goes: for the health probes, for the view and for when to try again. Times are epoch milliseconds. */
export class SyncRecord {
  /** when the oldest change that is not programmed was noted */
  #queuedSince: number | undefined
  /** the same for the changes of the transaction that is under way */
  #inFlightSince: number | undefined
  everSynced = false
  /** attempts since the last one that succeeded */
  failures = 0
  /** transactions that changed something */
  generation = 0
  /** of the last success, 0 before the first */
  lastSync = 0
  /** the first listing found elements; undefined before it */
  adopted: boolean | undefined
  lastError: { readonly at: number; readonly text: string } | undefined

  /** The last attempt, and there was one, succeeded. */
  get healthy(): boolean {
    return this.everSynced && this.failures === 0
  }

  get queuedSince(): number | undefined {
    return this.#inFlightSince ?? this.#queuedSince
  }

  queued(now: number): void {
    this.#queuedSince ??= now
  }

  /** What was queued is being done. */
  begin(now: number): void {
    this.#inFlightSince = this.#queuedSince ?? now
    this.#queuedSince = undefined
  }

  /** The data plane is as it is wanted; `found` elements were there when everything was listed, `operations` were done. */
  synced(now: number, found: number, operations: number): void {
    this.everSynced = true
    this.adopted ??= found > 0
    if (operations > 0) this.generation++
    this.lastSync = now
    this.lastError = undefined
  }

  failed(now: number, error: unknown): void {
    this.failures++
    this.#queuedSince = this.#inFlightSince
    this.lastError = { at: now, text: String(error) }
  }

  end(): void {
    this.#inFlightSince = undefined
  }
}

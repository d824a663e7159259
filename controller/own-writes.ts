/** What to make of a version of a Service that the watch shows. */
export type Shown =
  /** what this process wrote last */
  | 'own'
  /** a write is under way, and this may be it: to be asked when that ends */
  | 'unclear'
  | 'foreign'

/**
 * Tells the versions that this process's own writes made from all others, when the watch shows them: that may be
 * before the answer to the write or after it. What a Service became by a write was decided already.
 */
export class OwnWrites {
  /** versions that were made and not shown yet */
  readonly #made = new Map<string, string>()
  /** writes under way, with the version that was shown last meanwhile, '' for none */
  readonly #underWay = new Map<string, string>()

  begin(key: string): void {
    this.#made.delete(key)
    this.#underWay.set(key, '')
  }

  /**
   * @param made the version that the write made, '' when it failed
   * @returns what to make of the version that was shown meanwhile; undefined when there was none
   */
  end(key: string, made: string): Exclude<Shown, 'unclear'> | undefined {
    const shown = this.#underWay.get(key) ?? ''
    this.#underWay.delete(key)
    if (shown !== '') return shown === made ? 'own' : 'foreign'
    if (made !== '') this.#made.set(key, made)
    return undefined
  }

  shown(key: string, version: string): Shown {
    if (this.#underWay.has(key)) {
      this.#underWay.set(key, version)
      return 'unclear'
    }
    // Another one may be older, come late: the one that was made is still to be shown.
    if (this.#made.get(key) !== version) return 'foreign'
    this.#made.delete(key)
    return 'own'
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#made.delete(key)
  }

  clear(): void {
    this.#made.clear()
    this.#underWay.clear()
  }
}

import type { BfdSettings } from '../bfd/config.ts'
import { diagnostic } from '../bfd/errors.ts'
import type { BfdHandle, BfdSessions } from '../bfd/sessions.ts'
import type { BfdSessionStatus, BfdSign } from '../bfd/status.ts'
import type { Doubt, HostPath } from '../layer2/suspicion.ts'
import type { LivenessPath } from './liveness-path.ts'
import type { WireNeighbor, WireSpeaker } from './protocol.ts'

export interface NeighborOptions {
  readonly sessions: Pick<BfdSessions, 'acquire'>
  readonly now: () => number
  /** a session has changed what this neighbour looks like */
  readonly onChange: () => void
  /** a packet goes out to it in a session that is Up; the next within so many milliseconds */
  readonly onSpoke: (interval: number) => void
}

/** How to watch a speaker: `problem` says why not. */
export type Watching =
  | { readonly path: LivenessPath; readonly settings: BfdSettings }
  | { readonly problem: string; readonly byOthers: boolean }

/** A BFD session to the speaker: the wanted one, or one of before. */
interface Watch {
  readonly path: LivenessPath
  readonly key: string
  readonly handle: BfdHandle
  up: boolean
  /** of the last change of `up` */
  turned: number
  /** it is not wanted any more */
  unwanted: number | undefined
  /** the peer's discriminator while it is Up, which another process would not have */
  peer: number
  /** why the peer may be gone although it is Up */
  doubt: Doubt | undefined
  /** it is Up with a process that has ended since, as far as anybody knows */
  outlived: boolean
}

/** After a new path works, before the one of before is given up: the other side may be a moment behind. */
const overlap = 10_000
/** Within which both sides learn that they watch each other no more, or by another path. */
const grace = 60_000
/** Paths of before that are kept. */
const mostFormer = 2

/**
 * Another speaker as it looks from here: what BFD says first, and where BFD has never come up, its status object.
 *
 * When the path changes, both sides learn it at different times. So a session is kept until the new one works on both
 * sides, and one that is given up says AdminDown without the diagnostic "administratively down": with it, it is the
 * planned stop of a speaker, by which others take over at once.
 */
export class Neighbor {
  readonly #options: NeighborOptions
  #speaker: WireSpeaker
  #watching: Watching
  #wanted: Watch | undefined
  #former: Watch[] = []
  /** what BFD has said last, and by which session; undefined while it says nothing */
  #verdict: { readonly state: 'alive' | 'dead' | 'left'; readonly by: Watch } | undefined
  #refusal = ''
  #state: WireNeighbor['state'] = 'unknown'
  #since: number

  constructor(speaker: WireSpeaker, watching: Watching, options: NeighborOptions) {
    this.#options = options
    this.#speaker = speaker
    this.#watching = watching
    this.#since = options.now()
    this.update(speaker, watching)
  }

  get state(): WireNeighbor['state'] {
    return this.#state
  }

  /** There is something to look after. */
  get busy(): boolean {
    return this.#watches().length > 0 || 'path' in this.#watching
  }

  /** Why it may have failed although BFD calls it alive: every session that is Up has a reason. */
  get doubt(): Doubt | undefined {
    const doubts = this.#watches().flatMap(({ up, outlived, doubt }) => (up && !outlived ? [doubt] : []))
    if (this.#state !== 'alive' || doubts.includes(undefined)) return undefined
    return doubts.includes('refused') ? 'refused' : doubts.at(0)
  }

  /** Its address on a link of this node, by which its kernel can be asked. */
  get host(): HostPath | undefined {
    const path = this.#watches().find(({ up, path }) => up && path.interface !== undefined)?.path
    if (path?.interface === undefined || path.multihop) return undefined
    const { local, remote, interface: device } = path
    return { node: this.#speaker.node, interface: device, local, remote }
  }

  update(speaker: WireSpeaker, watching: Watching): void {
    // It was leaving and is there again: what it said before counts no more.
    if (speaker.ready && !this.#speaker.ready && this.#verdict?.state === 'left') this.#verdict = undefined
    this.#speaker = speaker
    this.#watching = watching
    this.#want()
    if ('settings' in watching) for (const { handle } of this.#watches()) handle.update(watching.settings)
    this.#decide()
  }

  told(): WireNeighbor {
    const shown = this.#watches().find(({ up }) => up) ?? this.#wanted
    return {
      node: this.#speaker.node,
      state: this.#state,
      since: this.#since,
      ...(shown !== undefined && { local: shown.path.local, remote: shown.path.remote }),
      problem: shown === undefined ? this.#problem() : (shown.handle.status().problem?.text ?? ''),
    }
  }

  /** Gives up sessions that nobody wants any more, and tries again what was refused. To be called now and then. */
  tidy(): void {
    const now = this.#options.now()
    const replaced = this.#wanted?.up === true && now >= this.#wanted.turned + overlap
    const byOthers = 'byOthers' in this.#watching && this.#watching.byOthers
    const over = this.#former.filter(
      ({ up, unwanted = now }) => replaced || (now >= unwanted + grace && (!up || byOthers)),
    )
    this.#giveUp(over)
    if (this.#wanted === undefined) this.#want()
    this.#decide()
  }

  /** Planned stop of this speaker: the other takes over. */
  leave(): void {
    this.#release(diagnostic.adminDown)
  }

  /** The other is no speaker of the cluster any more. */
  end(): void {
    this.#release(diagnostic.none)
  }

  #release(reason: number): void {
    for (const { handle } of this.#watches()) handle.release(reason)
    this.#wanted = undefined
    this.#former = []
  }

  #watches(): Watch[] {
    return this.#wanted === undefined ? this.#former : [this.#wanted, ...this.#former]
  }

  #problem(): string {
    return 'problem' in this.#watching ? this.#watching.problem : this.#refusal
  }

  /** Begins the session of the wanted path, or takes one of before back. */
  #want(): void {
    const watching = this.#watching
    const key = 'path' in watching ? JSON.stringify(watching.path) : ''
    if (this.#wanted?.key === key) return
    if (this.#wanted !== undefined) {
      this.#wanted.unwanted = this.#options.now()
      this.#former.unshift(this.#wanted)
      this.#wanted = undefined
    }
    const again = this.#former.find((watch) => watch.key === key)
    if (again !== undefined) {
      again.unwanted = undefined
      this.#wanted = again
      this.#former = this.#former.filter((watch) => watch !== again)
    } else if ('path' in watching) this.#acquire(watching.path, watching.settings, key)
    while (this.#former.length > mostFormer) {
      this.#giveUp([this.#former.findLast(({ up }) => !up) ?? (this.#former.at(-1) as Watch)])
    }
  }

  #giveUp(watches: readonly Watch[]): void {
    if (watches.length === 0) return
    this.#former = this.#former.filter((watch) => !watches.includes(watch))
    for (const { handle } of watches) handle.release(diagnostic.none)
    if (this.#verdict === undefined || !watches.includes(this.#verdict.by)) return
    const by = this.#watches().find(({ up }) => up)
    this.#verdict = by && { state: 'alive', by }
  }

  #acquire(path: LivenessPath, settings: BfdSettings, key: string): void {
    const { sessions, now, onChange } = this.#options
    // Taking back a session that is ending changes its state before there is a handle.
    let watch: Watch | undefined
    try {
      const client = `layer2/${this.#speaker.node}`
      const handle = sessions.acquire(
        { ...path, settings, client },
        (status) => {
          if (watch === undefined) return
          this.#heard(watch, status)
          this.#decide()
          onChange()
        },
        (sign) => {
          if (watch !== undefined) this.#noticed(watch, sign)
        },
      )
      watch = {
        path,
        key,
        handle,
        up: false,
        turned: now(),
        unwanted: undefined,
        peer: 0,
        doubt: undefined,
        outlived: false,
      }
      this.#wanted = watch
      this.#refusal = ''
      // A share in a session that is there already.
      this.#heard(watch, handle.status())
    } catch (error) {
      this.#refusal = error instanceof Error ? error.message : String(error)
    }
  }

  #heard(watch: Watch, status: BfdSessionStatus): void {
    const { state, remoteState, remoteDiagnostic, remoteDiscriminator } = status
    const wasUp = watch.up
    watch.up = state === 'Up'
    if (watch.up !== wasUp) {
      watch.turned = this.#options.now()
      watch.doubt = undefined
      watch.outlived = false
    }
    if (wasUp && !watch.up && isAnother(remoteDiscriminator, watch.peer)) this.#outlive(watch)
    if (watch.up) watch.peer = remoteDiscriminator
    const by = this.#watches().find(({ up, outlived }) => up && !outlived)
    if (by !== undefined) this.#verdict = { state: 'alive', by }
    else if (remoteState === 'AdminDown') {
      this.#verdict = remoteDiagnostic === diagnostic.adminDown ? { state: 'left', by: watch } : undefined
    } else if (wasUp) this.#verdict = { state: 'dead', by: watch }
  }

  /** The peer has begun anew, so its sessions of before are dead, although some may not know it yet. */
  #outlive(restarted: Watch): void {
    for (const watch of this.#watches()) if (watch !== restarted) watch.outlived = watch.up
  }

  #noticed(watch: Watch, sign: BfdSign): void {
    if (!watch.up) return
    if (sign === 'sent') return this.#options.onSpoke(watch.handle.transmitInterval())
    const before = watch.doubt
    if (sign === 'heard') watch.doubt = undefined
    // Silence takes nothing back of a refusal.
    else if (before !== 'refused') watch.doubt = sign
    if (sign === 'heard' && watch.outlived) {
      watch.outlived = false
      this.#verdict = { state: 'alive', by: watch }
      this.#decide()
    } else if (watch.doubt === before) return
    this.#options.onChange()
  }

  #decide(): void {
    const state = this.#judge()
    if (state === this.#state) return
    this.#state = state
    this.#since = this.#options.now()
  }

  #judge(): WireNeighbor['state'] {
    const { ready, apiReachable, reportedDead } = this.#speaker
    const said = this.#verdict?.state
    if (said === 'dead') return 'dead'
    if (said === 'left' || !ready) return 'left'
    if (said === 'alive') return 'alive'
    return apiReachable && !reportedDead ? 'unknown' : 'dead'
  }
}

const isAnother = (discriminator: number, before: number): boolean =>
  discriminator !== 0 && before !== 0 && discriminator !== before

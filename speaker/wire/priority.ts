import { setPriority } from 'node:os'

/** Above whatever else runs on a node, below what administrators keep for themselves. */
const nice = -10

/**
 * Lets the calling thread go first where it may (CAP_SYS_NICE): its packets are few and others time them. On Linux
 * priorities are of threads, and 0 is the one that calls.
 */
export function raiseThreadPriority(): boolean {
  try {
    setPriority(0, nice)
    return true
  } catch {
    return false
  }
}

import { cleanup } from '#speaker/forwarding/cleanup.ts'

/** `fairlead forwarding cleanup`: prints what was removed. */
export async function cleanupForwarding(): Promise<void> {
  const removed = await cleanup()
  console.log(removed.length === 0 ? 'there was nothing of ours' : `removed ${removed.join(', ')}`)
}

import { cleanup } from '#speaker/forwarding/cleanup.ts'

/** `fairlead forwarding cleanup`: prints what was removed, what stays, and who would put it back. */
export async function cleanupForwarding(): Promise<void> {
  for (const line of await cleanup()) console.log(line)
}

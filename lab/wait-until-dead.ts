import { setTimeout as delay } from 'node:timers/promises'
import { callControl } from './control.ts'
import { isAlive, type LabFiles, type LabState } from './state-directory.ts'

const POLITE_MS = 3000

/** Ends a running lab from another process: asks it, then insists. Resolves when its process 1 is gone. */
export async function waitUntilDead(state: LabState, files: LabFiles): Promise<void> {
  await callControl(files, 'down', {}).catch(() => {
    // Still starting, or stuck: the signal works in both cases.
    if (isAlive(state.owner)) process.kill(state.owner.pid, 'SIGTERM')
  })
  const begun = performance.now()
  let insisted = false
  while (isAlive(state.owner)) {
    if (!insisted && performance.now() - begun > POLITE_MS) {
      insisted = true
      process.kill(state.owner.pid, 'SIGKILL')
    }
    await delay(10)
  }
}

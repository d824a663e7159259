import type { ProgramName } from './programs.ts'

/** What the kubernetes tier runs: minutes of building, so no more than a test needs. */
export const testPrograms = ['etcd', 'kube-apiserver', 'kubectl'] as const satisfies readonly ProgramName[]

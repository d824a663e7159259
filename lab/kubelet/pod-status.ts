import type { Pod, PodCondition } from '../cluster/objects.ts'
import type { EchoPort } from './echo-messages.ts'

/** `"false"` makes a pod not ready, at once and for as long as it is there. */
export const READY_LABEL = 'lab.fairlead.io/ready'
/** Seconds for which a pod goes on serving after it was told to end, at most its grace period. */
export const TERMINATION_LABEL = 'lab.fairlead.io/termination'
const DEFAULT_TERMINATION_S = 1
const DEFAULT_GRACE_S = 30

/** The ports a pod serves: all it declares, or 80/TCP, as the nginx image does without saying so. */
export function echoPorts(pod: Pod): EchoPort[] {
  const declared = new Map<string, EchoPort>()
  for (const container of pod.spec.containers) {
    for (const { protocol = 'TCP', containerPort } of container.ports ?? []) {
      // SCTP sockets do not exist on every kernel; such a pod serves its other ports.
      if (protocol === 'SCTP') continue
      declared.set(`${protocol} ${containerPort}`, { protocol, port: containerPort })
    }
  }
  const anything = pod.spec.containers.some((container) => (container.ports ?? []).length > 0)
  return anything ? [...declared.values()] : [{ protocol: 'TCP', port: 80 }]
}

/** Milliseconds for which the pod serves after its deletion was asked for. */
export function terminationMs(pod: Pod): number {
  const grace =
    pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S
  const asked = Number(pod.metadata.labels?.[TERMINATION_LABEL] ?? DEFAULT_TERMINATION_S)
  const serve = Number.isFinite(asked) && asked >= 0 ? asked : DEFAULT_TERMINATION_S
  return Math.min(grace, serve) * 1000
}

export interface PodFacts {
  /** undefined until the pod has its network */
  readonly addresses?: readonly string[]
  readonly hostAddresses: readonly string[]
  /** its sockets are open */
  readonly serving: boolean
  readonly nodeReady: boolean
  /** why it cannot start, '' when nothing is wrong */
  readonly problem: string
}

/** Why the pod is not ready, '' when it is. */
function notReadyReason(pod: Pod, facts: PodFacts): string {
  if (!facts.nodeReady) return 'NodeNotReady'
  if (!facts.serving) return facts.problem === '' ? 'ContainersNotReady' : 'ContainerCannotRun'
  return pod.metadata.labels?.[READY_LABEL] === 'false' ? 'ReadinessProbeFailed' : ''
}

/**
 * The status of a pod. Conditions that stay as they are keep their transition time, so that an unchanged pod has
 * an unchanged status.
 *
 * @param now RFC 3339
 */
export function podStatus(pod: Pod, facts: PodFacts, now: string): NonNullable<Pod['status']> {
  const reason = notReadyReason(pod, facts)
  const started = facts.serving || reason === 'NodeNotReady'
  const startTime = pod.status?.startTime ?? now
  const addresses = facts.addresses ?? []
  const condition = (type: string, good: boolean, why = ''): PodCondition => {
    const status = good ? 'True' : 'False'
    const old = pod.status?.conditions?.find((one) => one.type === type)
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? now) : now
    return { type, status, lastTransitionTime, ...(good || why === '' ? {} : { reason: why }) }
  }
  return {
    phase: started ? 'Running' : 'Pending',
    startTime,
    hostIP: facts.hostAddresses[0],
    hostIPs: facts.hostAddresses.map((ip) => ({ ip })),
    ...(addresses.length === 0 ? {} : { podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) }),
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', reason === '' || reason === 'NodeNotReady', reason),
      condition('Ready', reason === '', reason),
    ],
    containerStatuses: containerStatuses(pod, reason === '', started, startTime, facts.problem),
  }
}

function containerStatuses(pod: Pod, ready: boolean, started: boolean, startedAt: string, problem: string) {
  return pod.spec.containers.map((container) => ({
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    containerID: `lab://${pod.metadata.uid ?? ''}/${container.name}`,
    ready,
    started,
    restartCount: 0,
    state: started
      ? { running: { startedAt } }
      : { waiting: { reason: problem === '' ? 'ContainerCreating' : 'RunContainerError', message: problem } },
  }))
}

import type { KubeObject } from '#kube/api.ts'
import type { SpeakerInfo } from '../world.ts'
import type { SpeakerStatusBody } from './speaker-status.ts'

/** What other speakers need of a SpeakerStatus: is it ready, by which interfaces is it known, whom does it see. */
export function projectSpeaker(object: KubeObject): SpeakerInfo {
  const { status = {} } = object as KubeObject & { status?: Partial<SpeakerStatusBody> }
  const is = (type: string) => status.conditions?.find((one) => one.type === type)?.status
  const interfaces = status.interfaces
    ?.filter(({ usable }) => usable)
    .map(({ name, mac, prefixes }) => [name, { mac, prefixes: prefixes ?? [] }] as const)
  const otherMacs = (status.interfaces ?? []).flatMap(({ usable, mac }) =>
    usable || mac === '' ? [] : [mac],
  )
  const neighbors = new Map<string, 'alive' | 'dead'>()
  for (const { node, state } of status.neighbors ?? []) if (state === 'alive') neighbors.set(node, state)
  for (const node of status.unreachable ?? []) neighbors.set(node, 'dead')
  // Of one that was ready when it was last heard the controller says Unknown: that is no word of leaving.
  const ready = is('Ready')
  return {
    ready: ready === 'True' || ready === 'Unknown',
    ...(ready === 'Unknown' && is('ApiReachable') !== 'False' ? { doubted: true } : {}),
    ...(interfaces === undefined ? {} : { interfaces: new Map(interfaces) }),
    ...(otherMacs.length === 0 ? {} : { otherMacs }),
    ...(is('ApiReachable') === 'False' ? { apiReachable: false } : {}),
    ...(neighbors.size === 0 ? {} : { neighbors }),
  }
}

/** Nothing is different that decides who may hold what: only that makes every Service worth another look. */
export const sameCandidate = (a: SpeakerInfo | undefined, b: SpeakerInfo | undefined): boolean =>
  text(a, asCandidate) === text(b, asCandidate)

/** Nothing is different that speakers need to know of each other. */
export const sameSpeaker = (a: SpeakerInfo | undefined, b: SpeakerInfo | undefined): boolean =>
  text(a, everything) === text(b, everything)

const asCandidate = ({ ready, interfaces, apiReachable }: SpeakerInfo): unknown[] => [
  ready,
  [...(interfaces?.keys() ?? '*')],
  apiReachable,
]

const everything = (info: SpeakerInfo): unknown[] => [
  info.ready,
  [...(info.interfaces ?? '*')],
  info.otherMacs,
  info.apiReachable,
  [...(info.neighbors ?? [])],
]

const text = (one: SpeakerInfo | undefined, of: (info: SpeakerInfo) => unknown[]): string =>
  one === undefined ? '' : JSON.stringify(of(one))

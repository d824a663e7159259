import { fail, ok, unknown, warn, type Check, type Finding } from '../check.ts'
import type { ForwardingEvidence, SpeakerForwarding } from '../evidence.ts'

const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'

/** Check 7: whoever answers for the address must also send the packets on. */
export const forwardingCheck: Check = {
  id: 'forwarding',
  question: 'Is its traffic forwarded?',
  run({ service, forwarding, speakers }) {
    if (service === undefined) return unknown('there is no Service')
    const other = service.labels[PROXY_NAME_LABEL]
    if (other !== undefined) {
      return unknown(`its label ${PROXY_NAME_LABEL} leaves it to another proxy: ${other || '(empty)'}`)
    }
    if (forwarding !== undefined) return onNode(forwarding)
    return speakers === undefined ? unknown('the speakers could not be asked') : everywhere(speakers)
  },
}

function onNode(evidence: ForwardingEvidence): Finding {
  const { node, mode, forwarding, reason, lastError, programmed, frontends, taken } = evidence
  if (mode === 'off') return unknown(`forwarding is off on ${node}: another proxy does it`)
  if (!forwarding) return standsBy(node, reason)
  // Affinity has a check of its own.
  const problems = evidence.problems.filter((problem) => !problem.startsWith('sessionAffinity'))
  const impossible = problems.find((problem) => problem.startsWith('cannot be programmed'))
  if (impossible !== undefined) return fail(impossible, CORRECT)
  if (!programmed && lastError !== '') {
    return fail(
      `${node} could not program it: ${lastError}`,
      `see the log of the speaker on ${node}, and what is missing there: fairlead forwarding dump`,
    )
  }
  if (!programmed && taken.length > 0) return unknown('nothing that it claims is its own')
  if (!programmed) return warn(`${node} has not programmed it yet`, 'ask again: it takes milliseconds')
  if (problems.length > 0) return warn(listOf(problems, '; '), CORRECT)
  return ok(`${frontends.length} addresses and ports are in the kernel of ${node}`)
}

function everywhere(speakers: readonly SpeakerForwarding[]): Finding {
  const which = (wanted: (speaker: SpeakerForwarding) => boolean) => speakers.filter(wanted)
  const standby = which(({ mode }) => mode === 'standby')
  if (standby.length > 0) return standsBy(namesOf(standby), standby[0].reason)
  const behind = which(({ mode, synced }) => mode === 'full' && !synced)
  if (behind.length > 0) {
    return warn(
      `not everything is programmed on ${namesOf(behind)}`,
      'ask the speaker there: fairlead status',
    )
  }
  const forwards = which(({ mode }) => mode === 'full')
  return forwards.length > 0
    ? ok(`by Fairlead on ${namesOf(forwards)}`)
    : unknown('forwarding is off on every node: another proxy does it')
}

const standsBy = (nodes: string, reason: string): Finding =>
  warn(
    `Fairlead does not forward on ${nodes}: ${reason}`,
    'remove the other proxy with all its rules, or leave forwarding to it: --forwarding off',
  )

const CORRECT = 'correct the Service or its EndpointSlices'

const NAMED = 5

const listOf = (texts: readonly string[], separator: string): string =>
  (texts.length > NAMED ? [...texts.slice(0, NAMED), `and ${texts.length - NAMED} more`] : texts).join(
    separator,
  )

const namesOf = (speakers: readonly SpeakerForwarding[]): string =>
  listOf(speakers.map(({ node }) => node).sort(), ', ')

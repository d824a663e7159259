import { diagnosticWords } from '#speaker/bfd/errors.ts'
import type { BfdSessionStatus } from '#speaker/bfd/status.ts'
import type { SpeakerView } from '#speaker/view.ts'
import type { WireQuestion } from '#speaker/wire/protocol.ts'
import { plain } from '../documents.ts'
import { AdminError } from '../errors.ts'
import type { BgpSource, Document } from '../source.ts'

/** What a speaker tells of its sessions beyond its view: the wire thread is asked. */
export function bgpSource(view: () => SpeakerView): BgpSource {
  const ask = async (question: WireQuestion) => {
    const now = view()
    const answer = await now.ask(question)
    if (answer === undefined) {
      throw new AdminError('FL_ADMIN_BUSY', 503, 'the thread that holds the sessions does not answer')
    }
    if (answer.about !== 'nobody') return { node: now.node, answer }
    const names = now.peers.map(({ peer }) => peer.name)
    const known = names.length === 0 ? 'it has no BGP peer' : `its peers are ${names.join(', ')}`
    throw new AdminError('FL_ADMIN_NOT_FOUND', 404, `${now.node} has no BGP peer ${question.peer}: ${known}`)
  }
  return {
    routes: async (peer) => {
      const { node, answer } = await ask({ about: 'routes', peer })
      if (answer.about !== 'routes') throw new Error(`asked for routes, told ${answer.about}`)
      return { node, peer, total: answer.total, items: plain(answer.routes) }
    },
    messages: async (peer) => {
      const { node, answer } = await ask({ about: 'messages', peer })
      if (answer.about !== 'messages') throw new Error(`asked for messages, told ${answer.about}`)
      return { node, peer, items: plain(answer.messages) }
    },
  }
}

/** A BFD session with its diagnostics in words. */
export const bfdDocument = (session: BfdSessionStatus): Document => ({
  ...(plain(session) as Document),
  diagnostic: diagnosticWords(session.diagnostic),
  remoteDiagnostic: diagnosticWords(session.remoteDiagnostic),
})

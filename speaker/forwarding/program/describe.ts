import { endpointsOf } from '../model.ts'
import type { Rule } from './rule.ts'

/** A rule in words, for people who do not read nft. */
export function describeRule({ match, actions, comment }: Rule): string {
  const matches = match.map((one) => {
    if ('is' in one) return one.is
    if ('in' in one) return `${one.fields.join(', ')} in ${one.in}`
    if ('notIn' in one) return `${one.fields.join(', ')} not in ${one.notIn}`
    return 'timeoutOfList' in one ? 'list with a timeout' : 'source allowed'
  })
  const done = actions.map((one) => {
    switch (one.do) {
      case 'jump':
      case 'goto':
        return `${one.do} ${one.chain}`
      case 'count':
        return `count ${one.over}${one.chain === undefined ? '' : `, goto ${one.chain}`}`
      case 'list':
        return `a client that is known keeps its endpoint, goto ${one.chain}`
      case 'learn':
        return 'keep the endpoint of this client'
      case 'translate':
        return `send to a slot of ${endpointsOf[one.over]}`
      case 'translate-member':
        return 'send to the endpoint of the list'
      case 'unreachable':
        return 'reject: host unreachable'
      case 'catch':
        return `in ${one.over} and not translated: drop`
      default:
        return one.do
    }
  })
  const text = `${matches.length > 0 ? `${matches.join(' and ')}: ` : ''}${done.join(', ')}`
  return comment === undefined ? text : `${text} (${comment})`
}

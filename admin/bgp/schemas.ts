/** What the BGP paths of the admin API take and give, as JSON schemas. */

const text = (description: string) => ({ type: 'string', description }) as const

export const peerQuery = {
  type: 'object',
  required: ['peer'],
  additionalProperties: false,
  properties: { peer: { ...text('name of the BGPPeer'), minLength: 1, maxLength: 253 } },
} as const

export const routesSchema = {
  type: 'object',
  required: ['node', 'peer', 'total', 'items'],
  properties: {
    node: { type: 'string' },
    peer: { type: 'string' },
    total: { type: 'integer', description: 'prefixes that there are; at most 10,000 are listed' },
    items: {
      type: 'array',
      items: {
        type: 'object',
        required: ['prefix', 'state'],
        properties: {
          prefix: { type: 'string' },
          state: { type: 'string', enum: ['sent', 'waiting', 'withdrawing', 'unsent'] },
          reason: text('why it cannot be sent'),
          nextHops: { type: 'array', items: { type: 'string' } },
          asPath: { type: 'string' },
          med: { type: 'integer' },
          localPref: { type: 'integer' },
          communities: { type: 'array', items: { type: 'string' } },
        },
      },
    },
  },
} as const

export const messagesSchema = {
  type: 'object',
  required: ['node', 'peer', 'items'],
  properties: {
    node: { type: 'string' },
    peer: { type: 'string' },
    items: {
      type: 'array',
      description: 'oldest first',
      items: {
        type: 'object',
        required: ['at', 'direction', 'octets', 'text'],
        properties: {
          at: { type: 'number', description: 'epoch milliseconds' },
          direction: { type: 'string', enum: ['in', 'out'] },
          octets: { type: 'integer', description: 'of the whole message' },
          text: { type: 'string' },
        },
      },
    },
  },
} as const

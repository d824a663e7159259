/** What the layer 2 paths of the admin API take and give, as JSON schemas. */

const text = (description: string) => ({ type: 'string', description }) as const

export const timelineQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { address: { ...text('of a Service; absent means all'), maxLength: 64 } },
} as const

export const timelineSchema = {
  type: 'object',
  required: ['node', 'address', 'held', 'interfaces', 'items'],
  properties: {
    node: { type: 'string' },
    address: { type: 'string' },
    held: { type: 'boolean', description: 'this node answers for the address now' },
    interfaces: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'mac'],
        properties: { name: { type: 'string' }, mac: { type: 'string' } },
      },
    },
    items: {
      type: 'array',
      description: 'oldest first; only the latest are kept, and none from before the start of the process',
      items: {
        type: 'object',
        required: ['at', 'address', 'what'],
        properties: {
          at: { type: 'number', description: 'epoch milliseconds' },
          address: text('empty: concerns every address'),
          what: { type: 'string' },
          cause: { type: 'string' },
          interface: { type: 'string' },
          node: text('the other side'),
          mac: text('of the other side'),
        },
      },
    },
  },
} as const

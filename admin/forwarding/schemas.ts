/** What the forwarding paths of the admin API take and give, as JSON schemas. */

const text = (description: string) => ({ type: 'string', description }) as const

export const traceQuery = {
  type: 'object',
  required: ['from', 'to'],
  additionalProperties: false,
  properties: {
    from: { ...text('source address'), maxLength: 64 },
    to: { ...text('ADDRESS:PORT or [IPV6]:PORT; for icmp an address alone'), maxLength: 64 },
    protocol: { ...text('tcp, udp, sctp or icmp'), maxLength: 8, default: 'tcp' },
    interface: { ...text('by which the packet comes in'), maxLength: 64 },
  },
} as const

export const traceSchema = {
  type: 'object',
  required: ['from', 'to', 'verdict', 'reason', 'service', 'frontend', 'endpoints', 'steps', 'note'],
  properties: {
    from: { type: 'string' },
    to: text('10.96.0.1:80/tcp'),
    verdict: {
      type: 'string',
      enum: ['forward', 'answer', 'untouched', 'reject', 'drop', 'unknown'],
      description:
        'answer: this node answers the ping; untouched: no Service is concerned; unknown: nothing is forwarded here',
    },
    reason: text('the verdict in a sentence'),
    service: text('namespace/name of the Service whose frontend this is, or empty'),
    frontend: text('LoadBalancer 192.0.2.1:80/tcp, NodePort 30080/tcp …, or empty'),
    endpoints: {
      type: 'array',
      items: {
        type: 'object',
        required: ['endpoint', 'masquerade'],
        properties: {
          endpoint: text('ADDRESS:PORT'),
          masquerade: { type: 'boolean', description: 'the endpoint sees an address of this node' },
        },
      },
    },
    steps: {
      type: 'array',
      description: 'the rules that did something, in order',
      items: {
        type: 'object',
        required: ['chain', 'rule', 'text'],
        properties: {
          chain: { type: 'string' },
          rule: { type: 'integer', description: 'its position in the chain, from 0' },
          text: { type: 'string' },
        },
      },
    },
    note: text('why the answer may be out of date, or empty'),
  },
} as const

/** Services shown when nothing else was asked for: those with differences come first. */
const SHOWN = 1000

export const dumpQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    service: { ...text('namespace/name: this Service only'), maxLength: 512, pattern: '^[^/]+/[^/]+$' },
    family: { type: 'integer', enum: [4, 6] },
    differences: { type: 'boolean', default: false, description: 'only what is not as planned' },
    limit: { type: 'integer', minimum: 1, default: SHOWN, description: 'Services shown at most' },
  },
} as const

const count = (description: string) => ({ type: 'integer', description }) as const

export const dumpSchema = {
  type: 'object',
  required: ['items', 'same', 'missing', 'unplanned', 'other', 'left', 'note'],
  properties: {
    mode: { type: 'string' },
    synced: { type: 'boolean' },
    generation: { type: 'integer' },
    same: count('elements that the kernel holds as planned'),
    missing: count('planned, and not in the kernel'),
    unplanned: count('in the kernel, and not planned'),
    other: count('in the kernel with another value'),
    left: count('Services that limit left out'),
    note: text('what to know about the comparison, or empty'),
    items: {
      type: 'array',
      description: 'Services with differences first; what belongs to the node last, with an empty name',
      items: {
        type: 'object',
        properties: {
          service: text('namespace/name'),
          differences: { type: 'integer' },
          elements: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                mark: { type: 'string', enum: ['=', '+', '-', '!'] },
                family: { type: 'integer', enum: [4, 6] },
                collection: { type: 'string' },
                frontend: { type: 'string' },
                key: text('the rest of the key: a slot, a source range …'),
                planned: text('absent when it is not planned'),
                kernel: text('absent when the kernel does not have it'),
                more: count('this stands for so many more of its mark, collection and frontend'),
              },
            },
          },
        },
      },
    },
  },
} as const

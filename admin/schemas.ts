/** JSON schemas of the admin API: fastify validates with them and prints them as OpenAPI. */

const anything = { type: 'object', additionalProperties: true } as const

export const detailSchema = anything

export const listSchema = {
  type: 'object',
  required: ['items'],
  properties: {
    items: { type: 'array', items: anything },
    unknown: { type: 'string', description: 'why this process cannot know, and whom to ask' },
  },
} as const

export const explainQuery = {
  type: 'object',
  properties: {
    client: { type: 'string', maxLength: 64, description: 'the address of a client that cannot reach it' },
  },
} as const

const verdict = { type: 'string', enum: ['ok', 'warn', 'fail', 'unknown'] } as const

export const explanationSchema = {
  type: 'object',
  required: ['service', 'verdict', 'headline', 'checks'],
  properties: {
    service: { type: 'string' },
    verdict,
    headline: { type: 'string', description: 'the first failing check in causal order, in a sentence' },
    checks: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'question', 'verdict', 'evidence', 'remedy'],
        properties: {
          id: { type: 'string' },
          question: { type: 'string' },
          verdict,
          evidence: { type: 'string' },
          remedy: { type: 'string' },
        },
      },
    },
  },
} as const

export const simulationRequest = {
  type: 'object',
  additionalProperties: false,
  properties: {
    apply: {
      type: 'array',
      maxItems: 5000,
      default: [],
      items: anything,
      description: 'objects as they would be applied',
    },
    delete: {
      type: 'array',
      maxItems: 5000,
      default: [],
      items: { type: 'string', maxLength: 512 },
      description: 'KIND/NAME or KIND/NAMESPACE/NAME',
    },
  },
} as const

const texts = { type: 'array', items: { type: 'string' } } as const

const simulatedChanges = {
  type: 'array',
  items: {
    type: 'object',
    required: ['service', 'from', 'fromPool', 'to', 'toPool', 'why'],
    properties: {
      service: { type: 'string' },
      from: texts,
      fromPool: { type: 'string' },
      to: texts,
      toPool: { type: 'string' },
      why: { type: 'string' },
    },
  },
} as const

export const simulationSchema = {
  type: 'object',
  required: ['moves', 'loses', 'gains', 'unchanged', 'problems', 'ignored'],
  properties: {
    moves: { ...simulatedChanges, description: 'Services that get other addresses' },
    loses: { ...simulatedChanges, description: 'Services that lose an address' },
    gains: { ...simulatedChanges, description: 'Services that get an address more' },
    unchanged: { type: 'integer', description: 'all other Services of ours' },
    problems: { type: 'array', items: anything, description: 'problems that the change would bring' },
    ignored: {
      type: 'array',
      description: 'what was asked for and makes no difference',
      items: {
        type: 'object',
        required: ['object', 'why'],
        properties: { object: { type: 'string' }, why: { type: 'string' } },
      },
    },
  },
} as const

/** Kubernetes names: DNS labels and subdomains. */
const name = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', maxLength: 253 } as const

export const serviceParams = {
  type: 'object',
  required: ['namespace', 'name'],
  properties: { namespace: name, name },
} as const

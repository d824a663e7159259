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

/** Kubernetes names: DNS labels and subdomains. */
const name = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', maxLength: 253 } as const

export const serviceParams = {
  type: 'object',
  required: ['namespace', 'name'],
  properties: { namespace: name, name },
} as const

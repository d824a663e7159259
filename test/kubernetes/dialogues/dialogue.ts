/**
 * Dialogues with an API server: the same requests go to the real one and to the lab's, and the answers must be the
 * same but for what no two servers have in common (uids, versions, times, addresses that they chose).
 */
export interface Step {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** with its query; `{STEP:metadata.resourceVersion}` stands for the resourceVersion and `{STEP:metadata.uid}` for the uid in the answer to a step */
  readonly path: string
  readonly body?: unknown
  /** media type of the body; by the method when absent */
  readonly type?: string
  readonly accept?: string
  /** what the answer is called in placeholders */
  readonly as?: string
  /** why only the status code has to be the same */
  readonly differs?: string
}

export interface Dialogue {
  readonly name: string
  readonly steps: readonly Step[]
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export const get = (path: string, more: Partial<Step> = {}): Step => ({ method: 'GET', path, ...more })
export const post = (path: string, body: unknown, more: Partial<Step> = {}): Step => ({
  method: 'POST',
  path,
  body,
  ...more,
})
export const put = (path: string, body: unknown, more: Partial<Step> = {}): Step => ({
  method: 'PUT',
  path,
  body,
  ...more,
})
export const patch = (
  kind: keyof typeof PATCH_TYPES,
  path: string,
  body: unknown,
  more: Partial<Step> = {},
): Step => ({ method: 'PATCH', path, body, type: PATCH_TYPES[kind], ...more })
export const remove = (path: string, body?: unknown, more: Partial<Step> = {}): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
})

/** Addresses that the dialogues ask for by name; others are the server's choice. */
export const SERVICE_ADDRESSES: readonly string[] = [
  '10.96.200.1',
  '10.96.200.2',
  'fd00:10:96::c801',
  'fd00:10:96::c802',
  // the ranges and what is at their beginning
  '10.96.0.0',
  '10.96.0.1',
  'fd00:10:96::',
  'fd00:10:96::1',
]

import type { IncomingMessage } from 'node:http'
import { parse as parseYaml } from 'yaml'
import { decodeProtobuf } from '../openapi/protobuf.ts'
import { badRequest, StatusError, unsupportedMediaType } from '../status.ts'

/** As the real server: etcd takes no larger objects. */
const LIMIT = 3 * 2 ** 20

const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const TYPES = ['application/json', 'application/yaml', PROTOBUF]

/**
 * Reads the body of a request.
 * @returns undefined when it is empty
 * @throws StatusError 400, 413, 415
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > LIMIT) {
      throw new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${LIMIT}`)
    }
    chunks.push(chunk as Buffer)
  }
  if (size === 0) return undefined
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim()
  const bytes = Buffer.concat(chunks)
  if (type === PROTOBUF) return decodeProtobuf(bytes)
  const text = bytes.toString('utf8')
  try {
    if (type.endsWith('json')) return JSON.parse(text)
    if (type.endsWith('yaml')) return text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`)
  }
  throw unsupportedMediaType(TYPES)
}

import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { CliError } from './errors.ts'

export interface AdminTarget {
  /** `/path/of.sock`, or a URL */
  readonly admin?: string
  readonly token?: string
  readonly json: boolean
}

const TIMEOUT_MS = 10_000

/**
 * One GET of an admin API.
 * @throws CliError when it cannot be reached or answers with an error
 */
export function getDocument(target: AdminTarget, path: string): Promise<Record<string, unknown>> {
  return ask(target, path)
}

/**
 * One POST of an admin API.
 * @throws CliError as `getDocument`
 */
export function postDocument(
  target: AdminTarget,
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  return ask(target, path, JSON.stringify(body))
}

async function ask(target: AdminTarget, path: string, sent?: string): Promise<Record<string, unknown>> {
  if (target.admin === undefined) {
    throw new CliError(
      'FL_CLI_OPTION',
      'which process? give --admin SOCKET or URL (or FAIRLEAD_ADMIN in the environment)',
    )
  }
  const { status, body } = await send(target.admin, target.token, path, sent)
  let document: Record<string, unknown>
  try {
    document = JSON.parse(body) as Record<string, unknown>
  } catch {
    throw new CliError(
      'FL_CLI_ADMIN_ANSWER',
      `${target.admin} answered ${status} with something that is not JSON`,
    )
  }
  if (status !== 200)
    throw new CliError('FL_CLI_ADMIN_ANSWER', String(document.message ?? `answer ${status}`))
  return document
}

function send(
  admin: string,
  token: string | undefined,
  path: string,
  sent: string | undefined,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const method = sent === undefined ? 'GET' : 'POST'
    const options: RequestOptions = { method, path, headers, timeout: TIMEOUT_MS }
    const url = /^https?:/.test(admin) ? new URL(path, admin) : undefined
    const request = url?.protocol === 'https:' ? httpsRequest : httpRequest
    const call = url === undefined ? request({ ...options, socketPath: admin }) : request(url, options)
    const failed = (error: Error) =>
      reject(
        new CliError('FL_CLI_ADMIN_UNREACHABLE', `cannot reach ${admin}: ${error.message}`, { cause: error }),
      )
    call.on('error', failed)
    call.on('timeout', () => call.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)))
    call.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', failed)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    call.end(sent)
  })
}

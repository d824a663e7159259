import { request } from 'node:https'
import { ApiServer, type ApiServerOptions } from './server.ts'

/** A server for tests, with one user of each sort. */
export const makeServer = (options: Partial<ApiServerOptions> = {}): ApiServer =>
  new ApiServer({
    serviceCidrs: ['10.96.0.0/16', 'fd00:10:96::/112'],
    tokens: {
      admin: { user: 'admin', groups: ['system:masters'] },
      nobody: { user: 'nobody', groups: [] },
    },
    ...options,
  })

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

interface Ask {
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** One request over TLS, to 127.0.0.1. Rejects when the connection breaks. */
export function ask(
  server: Pick<ApiServer, 'ca'>,
  port: number,
  method: string,
  path: string,
  how: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        ca: server.ca,
        agent: false,
        headers: { authorization: `Bearer ${how.token ?? 'admin'}`, ...how.headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(how.body)
  })
}

import type { IncomingMessage, ServerResponse } from 'node:http'

export interface ProbeOptions {
  readonly ready: () => { readonly ok: boolean; readonly reason: string }
  /** Prometheus text and its content type */
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>
}

const PLAIN = 'text/plain; charset=utf-8'

/**
 * Answers `/healthz`, `/readyz` and `/metrics`: what a kubelet and Prometheus need, without a token. False for
 * everything else, which has no answer yet then.
 */
export function answerProbe(
  { ready, metrics }: ProbeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const send = (status: number, type: string, text: string): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
    // Node sends no body in answer to a HEAD.
    response.end(text)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  switch (request.url?.split('?', 1)[0]) {
    case '/healthz':
      send(200, PLAIN, 'ok\n')
      return true
    case '/readyz': {
      const { ok, reason } = ready()
      send(ok ? 200 : 503, PLAIN, ok ? 'ok\n' : `${reason}\n`)
      return true
    }
    case '/metrics':
      metrics().then(
        ({ text, contentType }) => send(200, contentType, text),
        (error: unknown) => send(500, PLAIN, `${String(error)}\n`),
      )
      return true
    default:
      return false
  }
}

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Backend } from '../backend.ts'

export interface User {
  readonly user: string
  readonly groups: readonly string[]
  readonly uid?: string
}

/** What a service account token says, and when it ends. */
export interface IssuedToken {
  readonly token: string
  /** milliseconds since 1970 */
  readonly expires: number
}

interface Claims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  readonly exp: number
  readonly iat: number
  readonly 'kubernetes.io': {
    readonly namespace: string
    readonly serviceaccount: { readonly name: string; readonly uid: string }
  }
}

const ISSUER = 'https://kubernetes.default.svc.cluster.local'
export const DEFAULT_AUDIENCE = ISSUER

/**
 * Tells who a bearer token is: from a fixed table, or a service account whose token this server signed. Tokens
 * have the shape of JWTs (with HMAC, so that only this server can check them) and end with their account.
 */
export class Authenticator {
  readonly #tokens: ReadonlyMap<string, User>
  readonly #backend: Backend
  readonly #key = randomBytes(32)

  constructor(tokens: Readonly<Record<string, User>>, backend: Backend) {
    this.#tokens = new Map(Object.entries(tokens))
    this.#backend = backend
  }

  /** The user of a token, undefined when the token is unknown, expired or for another audience. */
  authenticate(token: string, audience = DEFAULT_AUDIENCE): User | undefined {
    const known = this.#tokens.get(token)
    const found = known ?? this.#serviceAccount(token, audience)
    return found && { ...found, groups: [...new Set([...found.groups, 'system:authenticated'])] }
  }

  /** A token for a service account (TokenRequest). @param seconds how long it is good */
  issue(
    account: { namespace: string; name: string; uid: string },
    audiences: readonly string[],
    seconds: number,
  ): IssuedToken {
    const now = Math.floor(this.#backend.now() / 1000)
    const { namespace, name, uid } = account
    const claims: Claims = {
      iss: ISSUER,
      sub: `system:serviceaccount:${namespace}:${name}`,
      aud: audiences.length === 0 ? [DEFAULT_AUDIENCE] : audiences,
      exp: now + seconds,
      iat: now,
      'kubernetes.io': { namespace, serviceaccount: { name, uid } },
    }
    const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
    return { token: `${body}.${this.#sign(body)}`, expires: claims.exp * 1000 }
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url')
  }

  #serviceAccount(token: string, audience: string): User | undefined {
    const parts = token.split('.')
    if (parts.length !== 3) return undefined
    const expected = Buffer.from(this.#sign(`${parts[0]}.${parts[1]}`))
    const given = Buffer.from(parts[2]!)
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined
    const claims: Claims = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString())
    if (claims.exp * 1000 <= this.#backend.now() || !claims.aud.includes(audience)) return undefined
    const { namespace, serviceaccount } = claims['kubernetes.io']
    const stored = this.#backend.store.get('serviceaccounts', `${namespace}/${serviceaccount.name}`)
    if (stored?.metadata.uid !== serviceaccount.uid) return undefined
    return {
      user: claims.sub,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      uid: serviceaccount.uid,
    }
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

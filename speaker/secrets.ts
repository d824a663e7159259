import { isUtf8 } from 'node:buffer'
import type { BgpPeer, Problem } from '#crds/config.ts'
import { MAX_PASSWORD_OCTETS } from '#crds/parse/peer.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import type { PasswordLookup } from './bgp/peers.ts'

interface Password {
  readonly type: string
  readonly password?: string
  /** its octets are no text: what a string made of them holds is another key */
  readonly garbled?: true
}

const BASIC_AUTH = 'kubernetes.io/basic-auth'

/**
 * The BGP passwords in Secrets of Fairlead's own namespace. Only type and password are kept, and neither is ever
 * logged. A Secret that is missing or wrong keeps its session down: an empty password is never used instead.
 */
export class PasswordSource {
  readonly #namespace: string
  readonly #reflector: Reflector<Password>

  constructor(options: {
    api: KubeApi
    clock: Clock
    namespace: string
    onChange: () => void
    onError?: (error: unknown) => void
  }) {
    this.#namespace = options.namespace
    this.#reflector = new Reflector({
      api: options.api,
      clock: options.clock,
      resource: resources.secrets,
      select: { namespace: options.namespace },
      project: projectPassword,
      ...(options.onError === undefined ? {} : { onError: options.onError }),
    })
    this.#reflector.onChange(options.onChange)
  }

  start(): void {
    this.#reflector.start()
  }

  stop(): void {
    this.#reflector.stop()
  }

  get reflector(): Pick<Reflector<unknown>, 'synced' | 'whenSynced' | 'lastContact' | 'resource'> {
    return this.#reflector
  }

  readonly lookup: PasswordLookup = (reference) => this.#find(reference)

  /**
   * What is wrong with the Secrets that these peers name, in upstream's words. One that does not exist (yet) is a
   * warning, as every reference; one that is not what it must be is an error.
   */
  problems(peers: readonly BgpPeer[]): Problem[] {
    return peers.flatMap((peer) => {
      const found = peer.passwordSecret === undefined ? undefined : this.#find(peer.passwordSecret)
      if (found === undefined || 'password' in found) return []
      const { problem, missing } = found
      const about = { kind: 'BGPPeer', namespace: this.#namespace, name: peer.name }
      return [
        {
          ...about,
          severity: missing ? ('warning' as const) : ('error' as const),
          code: missing ? 'FL_CRD_UNKNOWN_REFERENCE' : 'FL_PEER_PASSWORD',
          field: 'spec.passwordSecret',
          message: missing
            ? `secret ref not found for peer config "${this.#namespace}"/"${peer.name}": ${problem}`
            : problem,
        },
      ]
    })
  }

  #find({ namespace, name }: { namespace: string; name: string }): Found {
    const where = `"${namespace || this.#namespace}"/"${name}"`
    if (namespace !== '' && namespace !== this.#namespace) {
      return {
        problem: `the secret ${where} is not in namespace ${this.#namespace}, where passwords are read`,
        missing: false,
      }
    }
    const secret = this.#reflector.store.get(`${this.#namespace}/${name}`)
    if (secret === undefined) return { problem: `the secret ${where} does not exist`, missing: true }
    const { type, password, garbled } = secret
    if (type !== BASIC_AUTH) {
      const problem = `secret type mismatch on ${where}, type "${BASIC_AUTH}" is expected, not "${type}"`
      return { problem, missing: false }
    }
    if (garbled) {
      const problem = `the password in the secret ${where} is not UTF-8 text: routers take a text, and other octets are not used`
      return { problem, missing: false }
    }
    if (!password) return { problem: `password not specified in the secret ${where}`, missing: false }
    if (Buffer.byteLength(password) > MAX_PASSWORD_OCTETS) {
      const problem = `the password in the secret ${where} is longer than the ${MAX_PASSWORD_OCTETS} octets of TCP MD5`
      return { problem, missing: false }
    }
    return { password }
  }
}

type Found = { readonly password: string } | { readonly problem: string; readonly missing: boolean }

function projectPassword(object: KubeObject): Password {
  const { type = 'Opaque', data = {} } = object as KubeObject & {
    type?: string
    data?: Record<string, string>
  }
  if (type !== BASIC_AUTH || data.password === undefined) return { type }
  const octets = Buffer.from(data.password, 'base64')
  return isUtf8(octets) ? { type, password: octets.toString('utf8') } : { type, garbled: true }
}

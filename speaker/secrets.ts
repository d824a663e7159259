import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import type { PasswordLookup } from './bgp/peers.ts'

interface Password {
  readonly type: string
  readonly password?: string
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

  readonly lookup: PasswordLookup = ({ namespace, name }) => {
    const where = `${namespace || this.#namespace}/${name}`
    if (namespace !== '' && namespace !== this.#namespace) {
      return { problem: `passwordSecret ${where} is not in namespace ${this.#namespace}` }
    }
    const secret = this.#reflector.store.get(`${this.#namespace}/${name}`)
    if (secret === undefined) return { problem: `passwordSecret ${where} does not exist` }
    if (secret.type !== BASIC_AUTH) {
      return { problem: `passwordSecret ${where} is of type ${secret.type}, it must be ${BASIC_AUTH}` }
    }
    if (!secret.password) return { problem: `passwordSecret ${where} has no key "password"` }
    return { password: secret.password }
  }
}

function projectPassword(object: KubeObject): Password {
  const { type = 'Opaque', data = {} } = object as KubeObject & {
    type?: string
    data?: Record<string, string>
  }
  if (type !== BASIC_AUTH || data.password === undefined) return { type }
  return { type, password: Buffer.from(data.password, 'base64').toString('utf8') }
}

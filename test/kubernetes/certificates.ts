import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KubernetesError } from './errors.ts'

const run = promisify(execFile)

/** Paths of PEM files. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** A certificate authority in a directory, made by openssl; everything it gives is good for ten days. */
export class Authority {
  readonly #directory: string
  readonly #own: KeyPair

  private constructor(directory: string) {
    this.#directory = directory
    this.#own = pairIn(directory, 'ca')
  }

  /** @throws KubernetesError FL_KUBERNETES_CERTIFICATE */
  static async create(directory: string): Promise<Authority> {
    const authority = new Authority(directory)
    const { key, certificate } = authority.#own
    // openssl's own configuration makes a self-signed certificate one of an authority.
    await openssl([
      'req',
      '-x509',
      ...NEW_KEY,
      ...DAYS,
      '-subj',
      '/CN=test-ca',
      '-keyout',
      key,
      '-out',
      certificate,
    ])
    return authority
  }

  /** path of the authority's certificate */
  get certificate(): string {
    return this.#own.certificate
  }

  /**
   * For a server that is reached by these names and addresses.
   * @throws KubernetesError FL_KUBERNETES_CERTIFICATE
   */
  server(name: string, names: readonly string[]): Promise<KeyPair> {
    const all = [...new Set(names)].map((one) => `${isIP(one) === 0 ? 'DNS' : 'IP'}:${one}`)
    return this.#issue(name, `/CN=${name}`, `subjectAltName=${all.join(',')}\nextendedKeyUsage=serverAuth\n`)
  }

  /**
   * For a user: the API server takes the common name for the user and each organisation for a group.
   * @throws KubernetesError FL_KUBERNETES_CERTIFICATE
   */
  client(user: string, groups: readonly string[]): Promise<KeyPair> {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('')
    const name = `client-${user.replaceAll(/[^a-z0-9-]/gi, '-')}-${randomBytes(3).toString('hex')}`
    return this.#issue(name, subject, 'extendedKeyUsage=clientAuth\n')
  }

  /**
   * A pair of keys without a certificate, for signing service account tokens; `certificate` is the public key.
   * @throws KubernetesError FL_KUBERNETES_CERTIFICATE
   */
  async signingKey(name: string): Promise<KeyPair> {
    const pair = pairIn(this.#directory, name)
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', pair.key])
    await openssl(['ec', '-in', pair.key, '-pubout', '-out', pair.certificate])
    return pair
  }

  async #issue(name: string, subject: string, extensions: string): Promise<KeyPair> {
    const pair = pairIn(this.#directory, name)
    const request = join(this.#directory, `${name}.csr`)
    const extensionFile = join(this.#directory, `${name}.ext`)
    await writeFile(extensionFile, extensions)
    await openssl(['req', '-new', ...NEW_KEY, '-subj', subject, '-keyout', pair.key, '-out', request])
    const authority = ['-CA', this.#own.certificate, '-CAkey', this.#own.key]
    const serial = ['-set_serial', `0x01${randomBytes(8).toString('hex')}`]
    const output = ['-extfile', extensionFile, '-out', pair.certificate]
    await openssl(['x509', '-req', '-in', request, ...authority, ...serial, ...DAYS, ...output])
    return pair
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const DAYS = ['-days', '10']

const pairIn = (directory: string, name: string): KeyPair => ({
  certificate: join(directory, `${name}.crt`),
  key: join(directory, `${name}.key`),
})

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args)
  } catch (cause) {
    const { code, stderr, message } = cause as Error & { code?: string | number; stderr?: string }
    const why = code === 'ENOENT' ? 'openssl is not installed' : (stderr?.trim() ?? message)
    throw new KubernetesError('FL_KUBERNETES_CERTIFICATE', `openssl ${args[0]}: ${why}`, { cause })
  }
}

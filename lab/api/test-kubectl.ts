import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Is there a kubectl on this machine? */
export const hasKubectl = (): boolean =>
  spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).error === undefined

export interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** kubectl with a home of its own, so that neither its cache nor a person's configuration matters. */
export class Kubectl {
  readonly #home = mkdtempSync(join(tmpdir(), 'fairlead-kubectl-'))
  readonly #config: string
  readonly #program: string

  /** @param kubeconfig as text, or where it is  @param program path of kubectl; that on the PATH when absent */
  constructor(kubeconfig: string | { readonly path: string }, program = 'kubectl') {
    this.#program = program
    this.#config = typeof kubeconfig === 'string' ? join(this.#home, 'config') : kubeconfig.path
    if (typeof kubeconfig === 'string') writeFileSync(this.#config, kubeconfig)
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }

  /** Runs to the end. @param input text as it is; objects become a stream of JSON documents */
  run(args: string, ...input: (object | string)[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = this.#spawn(args)
      let [out, err] = ['', '']
      child.stdout.on('data', (chunk) => (out += chunk))
      child.stderr.on('data', (chunk) => (err += chunk))
      child.on('error', reject)
      child.on('close', (code) => resolve({ code: code ?? -1, out, err }))
      // One that does not read it may be gone before it is written.
      child.stdin.on('error', () => {})
      child.stdin.end(input.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n'))
    })
  }

  /** Runs to the end, which must be a good one. @returns what it printed */
  async ok(args: string, ...input: (object | string)[]): Promise<string> {
    const { code, out, err } = await this.run(args, ...input)
    if (code !== 0) throw new Error(`kubectl ${args}: ${err}${out}`)
    return out
  }

  /** Runs until `enough` of its output is there, then ends it. @returns what it printed */
  until(args: string, enough: (out: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = this.#spawn(args)
      let out = ''
      const limit = setTimeout(() => {
        child.kill()
        reject(new Error(`kubectl ${args}: not within 10 s: ${out}`))
      }, 10_000)
      child.on('error', reject)
      child.stdout.on('data', (chunk) => {
        out += chunk
        if (enough(out)) child.kill()
      })
      child.on('close', () => {
        clearTimeout(limit)
        resolve(out)
      })
      child.stdin.on('error', () => {})
      child.stdin.end()
    })
  }

  #spawn(args: string) {
    const words = args.match(/'[^']*'|\S+/g) ?? []
    return spawn(
      this.#program,
      words.map((word) => word.replace(/^'(.*)'$/, '$1')),
      {
        env: {
          PATH: process.env['PATH'],
          HOME: this.#home,
          KUBECONFIG: this.#config,
          EDITOR: 'sed -i s/color:.red/color:\\ blue/',
        },
      },
    )
  }
}

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LabInfo } from '#lab/info.ts'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const MAIN = fileURLToPath(new URL('../../lab/main.ts', import.meta.url))
export const CLI = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const LIMIT_MS = 40_000

function run(program: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
    child.stdin?.end(input)
  })
}

/** A lab under a name of its own, driven by its commands only, as any other program would. */
export class TestLab {
  readonly name: string
  #info: LabInfo | undefined

  constructor(what: string) {
    this.name = `${what}-${process.pid}`
  }

  /** One of the lab's commands, with this lab's name. */
  command(...args: string[]): Promise<Outcome> {
    return run(process.execPath, [MAIN, args[0], '--name', this.name, ...args.slice(1)])
  }

  async up(...options: string[]): Promise<Outcome> {
    const outcome = await this.command('up', '--detach', ...options)
    if (outcome.code === 0) this.#info = JSON.parse((await this.command('info')).stdout) as LabInfo
    return outcome
  }

  down(): Promise<Outcome> {
    return this.command('down')
  }

  /** @throws Error before `up` */
  get info(): LabInfo {
    if (this.#info === undefined) throw new Error('the lab is not up')
    return this.#info
  }

  exec(place: string, ...command: string[]): Promise<Outcome> {
    return this.command('exec', place, '--', ...command)
  }

  /** Standard output of a command that must succeed. */
  async output(place: string, ...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.exec(place, ...command)
    if (code !== 0) throw new Error(`${place}: ${command.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  kubectl(args: string, input = ''): Promise<Outcome> {
    return run('kubectl', ['--kubeconfig', this.info.kubeconfig, ...args.split(' ')], input)
  }

  /** Applies YAML and expects the API server to take it. */
  async apply(yaml: string): Promise<void> {
    const { code, stderr } = await this.kubectl('apply -f -', yaml)
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`)
  }

  /** The fairlead command against one of this lab's admin sockets. */
  fairlead(admin: string, ...args: string[]): Promise<Outcome> {
    return run(process.execPath, [CLI, ...args, '--admin', admin])
  }
}

/**
 * Asks until there is an answer.
 * @param limit milliseconds
 * @throws Error after that, with the last failure
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  limit = LIMIT_MS,
): Promise<T> {
  const deadline = performance.now() + limit
  let failure = ''
  for (;;) {
    try {
      const found = await ask()
      if (found !== undefined) return found
    } catch (error) {
      failure = `: ${String(error)}`
    }
    if (performance.now() > deadline) throw new Error(`${what} did not happen${failure}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { release } from 'node:os'
import { SystemError } from '#raw-socket/errors.ts'
import { inNewNetworkNamespace } from '#raw-socket/namespace.ts'
import { ForwardingError } from '../errors.ts'
import { missingFeatures, nftTooOld, OLDEST_NFT, parseNftVersion } from './features.ts'

/** Runs a script of nft in this process's network namespace. */
export type RunNft = (script: string) => Promise<void>

/**
 * @throws ForwardingError FL_FORWARDING_INSTALL, with nft's words and, where it can be told, with what is missing on
 *   this machine and from which version on it is there
 */
export const runNft: RunNft = async (script) => {
  try {
    await finish(start(['-f', '-']), script)
  } catch (error) {
    const missing = await explain()
    if (missing.length === 0) throw error
    const message = `${missing.join('; ')} (${error instanceof Error ? error.message : String(error)})`
    throw new ForwardingError('FL_FORWARDING_INSTALL', message, { cause: error })
  }
}

/**
 * What the rules need and this machine lacks, a sentence each; empty when all is there. To be asked once at start: it
 * takes some 50 ms and touches no rules of this machine.
 */
export async function missingRequirements(): Promise<readonly string[]> {
  const missing = await explain()
  if (missing.length > 0) return missing
  const old = nftTooOld(await nftVersion())
  return old === '' ? [] : [old]
}

async function explain(): Promise<readonly string[]> {
  let version: string
  try {
    version = await nftVersion()
  } catch {
    return [`there is no nft that could be started: nftables ${OLDEST_NFT} or newer is needed`]
  }
  return missingFeatures(tryScript, { kernel: release(), nft: version })
}

const nftVersion = async (): Promise<string> => parseNftVersion(await finish(start(['--version']), ''))

/**
 * In a network namespace of its own, which ends with nft. `nft --check` would spare us that, but the kernel asks which
 * hooks a rule may be at only when a transaction is carried out.
 */
const tryScript: RunNft = async (script) => void (await finish(startElsewhere(['-f', '-']), script))

function startElsewhere(args: readonly string[]): ChildProcessWithoutNullStreams {
  try {
    return inNewNetworkNamespace(() => start(args))
  } catch (error) {
    // Without CAP_SYS_ADMIN there are no new namespaces; most of what may be missing shows here, too.
    if (error instanceof SystemError) return start(['--check', ...args])
    throw error
  }
}

const start = (args: readonly string[]): ChildProcessWithoutNullStreams => spawn('nft', args)

/** What is kept of nft's words. */
const MESSAGE_LIMIT = 2000

/**
 * Gives what nft printed, when it has ended.
 * @throws ForwardingError FL_FORWARDING_INSTALL with nft's words
 */
const finish = (nft: ChildProcessWithoutNullStreams, script: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let complaint = ''
    let printed = ''
    nft.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(0, MESSAGE_LIMIT)
    })
    nft.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, MESSAGE_LIMIT)
    })
    const fail = (message: string, cause?: Error) =>
      reject(new ForwardingError('FL_FORWARDING_INSTALL', message, { cause }))
    nft.on('error', (cause) => fail(`nft could not be started: ${cause.message}`, cause))
    nft.on('close', (code) => {
      if (code === 0) resolve(printed)
      else fail(`nft: ${complaint.trim() || `exit code ${code}`}`)
    })
    // nft may end before it has read everything; its exit code tells the story.
    nft.stdin.on('error', () => {})
    nft.stdin.end(script)
  })

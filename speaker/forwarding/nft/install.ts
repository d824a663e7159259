import { spawn } from 'node:child_process'
import { ForwardingError } from '../errors.ts'

/** Runs a script of nft in this process's network namespace. */
export type RunNft = (script: string) => Promise<void>

/** What is kept of nft's complaints. */
const MESSAGE_LIMIT = 2000

/** @throws ForwardingError FL_FORWARDING_INSTALL with nft's words */
export const runNft: RunNft = (script) =>
  new Promise((resolve, reject) => {
    const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, MESSAGE_LIMIT)
    })
    child.on('error', (cause) => {
      const message = `nft could not be started: ${cause.message}`
      reject(new ForwardingError('FL_FORWARDING_INSTALL', message, { cause }))
    })
    child.on('close', (code) => {
      if (code === 0) resolve()
      else
        reject(
          new ForwardingError('FL_FORWARDING_INSTALL', `nft: ${complaint.trim() || `exit code ${code}`}`),
        )
    })
    // nft may end before it has read everything; its exit code tells the story.
    child.stdin.on('error', () => {})
    child.stdin.end(script)
  })

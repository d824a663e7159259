import { spawn } from 'node:child_process'
import { LabError } from '../errors.ts'
import { labPath } from '../programs.ts'
import type { Batch } from './batches.ts'

/**
 * Runs the lines in one `ip` (or `bridge`) process.
 * @throws LabError FL_LAB_COMMAND with the first thing it complained about and the line that it meant
 */
export function runBatch(batch: Batch): Promise<void> {
  const place = batch.namespace === '' ? [] : ['-n', batch.namespace]
  const program = batch.program ?? 'ip'
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...place, '-batch', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, PATH: labPath() },
    })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    child.stdin.on('error', () => undefined)
    child.once('error', (error) => reject(new LabError('FL_LAB_COMMAND', `${program}: ${error.message}`)))
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new LabError('FL_LAB_COMMAND', explain(batch, complaint)))
    })
    child.stdin.end(`${batch.lines.join('\n')}\n`)
  })
}

function explain(batch: Batch, complaint: string): string {
  const at = /Command failed -:(\d+)/.exec(complaint)?.[1]
  const line = at === undefined ? '' : batch.lines[Number(at) - 1]
  const text = complaint.trim().split('\n')[0] || 'failed'
  return `${batch.program ?? 'ip'}${batch.namespace === '' ? '' : ` -n ${batch.namespace}`} ${line}: ${text}`
}

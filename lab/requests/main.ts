import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { parseAddress } from '#inet/address.ts'
import { messageOf } from '../errors.ts'
import { Loop } from './loop.ts'
import type { AgentReply, AgentRequest, Answer, Placed } from './messages.ts'
import { openConnection, requestOver } from './tcp.ts'
import { askOverUdp } from './udp.ts'

/**
 * The process that asks: one for all places of a lab, since it opens each socket in the network namespace it is for.
 * Requests come as lines of JSON on standard input, replies leave on standard output (`messages.ts`).
 */

const kept = new Map<string, Socket>()
const loops = new Map<number, Loop>()

const reply = (message: AgentReply): void => console.log(JSON.stringify(message))

async function ask(placed: Placed): Promise<Answer> {
  const { namespace, question } = placed
  const path = `/run/netns/${namespace}`
  try {
    const { family } = parseAddress(question.to)
    if (question.protocol === 'udp') return await askOverUdp(path, family, question)
    const { connection } = question
    const present = connection === undefined ? undefined : kept.get(connection)
    const socket = present ?? openConnection(path, family, question)
    if (connection !== undefined) kept.set(connection, socket)
    const answer = await requestOver(socket, question, connection !== undefined)
    if (connection === undefined) socket.destroy()
    else if (answer.error !== undefined) {
      kept.delete(connection)
      socket.destroy()
    }
    return answer
  } catch (error) {
    return { error: (error as NodeJS.ErrnoException).code ?? messageOf(error) }
  }
}

async function handle(request: AgentRequest): Promise<void> {
  const { id } = request
  switch (request.kind) {
    case 'ask': {
      const { count = 1 } = request.question
      const answers = await Promise.all(Array.from({ length: count }, () => ask(request)))
      return reply({ kind: 'answers', id, answers })
    }
    case 'loop':
      loops.set(id, new Loop(request.targets, request.everyMs, ask))
      return loops.get(id)?.start()
    case 'stop': {
      const outcome = await loops.get(id)?.stop()
      loops.delete(id)
      if (outcome !== undefined) reply({ kind: 'looped', id, outcome })
    }
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => void handle(JSON.parse(line) as AgentRequest))
  .on('close', () => process.exit(0))

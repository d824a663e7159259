import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { LabError, messageOf, type LabErrorCode } from './errors.ts'
import type { FaultKind } from './faults.ts'
import type { LabInfo } from './info.ts'
import { readLines, writeLine } from './json-lines.ts'
import type { LabFiles } from './state-directory.ts'

/** What the commands ask of a running lab, each with its answer. */
export interface ControlCalls {
  info: { readonly arguments: Record<string, never>; readonly answer: LabInfo }
  /** the network namespace that a PLACE of `lab exec` means */
  place: { readonly arguments: { readonly place: string }; readonly answer: PlaceAnswer }
  fault: {
    readonly arguments: { readonly kind: FaultKind; readonly node?: string }
    readonly answer: { readonly done: string }
  }
  down: { readonly arguments: Record<string, never>; readonly answer: Record<string, never> }
}

export interface PlaceAnswer {
  /** name under /run/netns in the lab */
  readonly networkNamespace: string
  /** for kubectl in that place; '' where the API server cannot be meant */
  readonly kubeconfig: string
}

export type ControlHandlers = {
  readonly [K in keyof ControlCalls]: (
    given: ControlCalls[K]['arguments'],
  ) => Promise<ControlCalls[K]['answer']>
}

type Answer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: LabErrorCode; readonly message: string }

/** Answers one request for each connection. The directory's mode decides who may ask. */
export function serveControl(path: string, handlers: ControlHandlers): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    readLines(socket, (request) => void respond(socket, handlers, request))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => resolve(server))
  })
}

async function respond(socket: Socket, handlers: ControlHandlers, request: unknown): Promise<void> {
  const { call, given } = request as { call: keyof ControlCalls; given: never }
  let answer: Answer
  try {
    if (!Object.hasOwn(handlers, call)) throw new LabError('FL_LAB_COMMAND', `unknown request ${call}`)
    answer = { ok: true, result: await handlers[call](given) }
  } catch (error) {
    const code = error instanceof LabError ? error.code : 'FL_LAB_COMMAND'
    answer = { ok: false, code, message: messageOf(error) }
  }
  writeLine(socket, answer)
  socket.end()
}

/**
 * Asks a running lab.
 * @throws LabError FL_LAB_NOT_RUNNING when nobody answers, or the lab's own error
 */
export function callControl<K extends keyof ControlCalls>(
  files: LabFiles,
  call: K,
  given: ControlCalls[K]['arguments'],
): Promise<ControlCalls[K]['answer']> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new LabError('FL_LAB_NOT_RUNNING', 'the lab does not answer'))
    const socket = createConnection(files.control)
    socket.on('error', gone)
    socket.on('close', gone)
    socket.on('connect', () => writeLine(socket, { call, given }))
    readLines(socket, (value) => {
      const answer = value as Answer
      if (answer.ok) resolve(answer.result as ControlCalls[K]['answer'])
      else reject(new LabError(answer.code, answer.message))
      socket.destroy()
    })
  })
}

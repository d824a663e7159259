import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import type { ListenOptions, Server } from 'node:net'
import { pino } from 'pino'
import type { Registry } from 'prom-client'
import { tokenAuthorizer } from '#admin/auth.ts'
import { createAdminListener, createProbeListener } from '#admin/listener.ts'
import type { AdminSource } from '#admin/source.ts'
import type { KubeApi } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import { startIdleCollection, type IdleCollectionOptions } from '#kube/idle-collection.ts'
import type { Logger } from '#kube/logger.ts'
import { hostPort, oneOf, portNumber, type ProcessOptions } from './options.ts'
import { version } from './version.ts'

// Small buffers are cut from blocks of this size, and a block stays as long as any of them: one for each connection.
Buffer.poolSize = 8192

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** JSON lines on standard error; the level names as MetalLB's. */
export function createLogger(options: ProcessOptions, component: string): Logger {
  const level = oneOf(options.logLevel, LOG_LEVELS, '--log-level')
  return pino(
    {
      level,
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: errorText },
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  )
}

/** Coded errors say all there is to say in one line; only a bug needs its stack. */
const errorText = (error: Error & { code?: string }): unknown =>
  error.code?.startsWith('FL_') ? `${error.code}: ${error.message}` : pino.stdSerializers.err(error)

export interface RunningProcess {
  readonly registry: Registry
  ready(): { readonly ok: boolean; readonly reason: string }
  stop(): Promise<void>
}

export interface ProcessParts {
  readonly source: AdminSource
  readonly api: KubeApi
  readonly log: Logger
  readonly collection?: IdleCollectionOptions
}

/** By then everything that a process needs is loaded. */
const FLUSH_AFTER_MS = 3000

/** A planned stop that takes longer is given up, so that a stuck API server cannot hold a node's shutdown. */
const STOP_LIMIT_MS = 8000

/**
 * Serves probes, metrics and the admin API of a process, and ends it on SIGTERM or SIGINT by a planned stop. A port
 * that is taken costs the metrics, never the service: it is logged and the process goes on.
 */
export async function runProcess(
  running: RunningProcess,
  options: ProcessOptions,
  { source, api, log, collection }: ProcessParts,
): Promise<void> {
  const probes = {
    ready: () => running.ready(),
    metrics: async () => ({
      text: await running.registry.metrics(),
      contentType: running.registry.contentType,
    }),
  }
  const listen = async (server: Server, where: string, options: ListenOptions) => {
    try {
      server.listen(options)
      await once(server, 'listening')
      server.on('error', (error) => log.warn({ where, error: String(error) }, 'cannot accept a connection'))
      // Who may use a Unix socket is decided by its mode.
      if (options.path !== undefined) chmodSync(options.path, 0o600)
      log.info({ where }, 'listening')
    } catch (error) {
      log.error({ where, error: String(error) }, 'cannot listen; going on without')
    }
  }
  const port = portNumber(options.port, '--port')
  if (port !== 0) {
    await listen(createProbeListener(probes), `${options.host}:${port}`, { host: options.host, port })
  }
  const { adminSocket, adminAddress } = options
  const admin = { ...probes, version, source }
  if (adminSocket !== undefined) {
    // A socket left by a process that was killed would refuse the bind.
    rmSync(adminSocket, { force: true })
    await listen(createAdminListener(admin), adminSocket, { path: adminSocket })
  }
  if (adminAddress !== undefined) {
    const server = createAdminListener({ ...admin, authorize: tokenAuthorizer(api, systemClock) })
    await listen(server, adminAddress, hostPort(adminAddress, '--admin-address'))
  }
  onSignal(running, log)
  startIdleCollection({ ...collection, begun: () => running.ready().ok })
  // Written at exit otherwise, and a process that is killed has none.
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref()
}

function onSignal(running: RunningProcess, log: Logger): void {
  let stopping = false
  const stop = (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    const limit = setTimeout(() => {
      log.error({ limitMs: STOP_LIMIT_MS }, 'the planned stop took too long')
      process.exit(1)
    }, STOP_LIMIT_MS)
    running.stop().then(
      () => {
        clearTimeout(limit)
        log.info({}, 'stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error({ error: String(error) }, 'the planned stop failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

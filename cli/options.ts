import { tryParsePrefix, type Prefix } from '#inet/prefix.ts'
import { CliError } from './errors.ts'

/** What both processes take from the command line, as commander gives it. */
export interface ProcessOptions {
  readonly kubeconfig?: string
  readonly namespace?: string
  readonly lbClass: string
  readonly host: string
  readonly port: string
  readonly adminSocket?: string
  readonly adminAddress?: string
  readonly logLevel: string
}

/** @throws CliError FL_CLI_OPTION naming the option */
export function required(value: string | undefined, option: string, environment: string): string {
  if (value !== undefined && value !== '') return value
  throw new CliError('FL_CLI_OPTION', `${option} is needed (or ${environment} in the environment)`)
}

/** @throws CliError FL_CLI_OPTION */
export function portNumber(text: string, option: string): number {
  const port = Number(text)
  if (/^[0-9]+$/.test(text) && port <= 65_535) return port
  throw new CliError('FL_CLI_OPTION', `${option} ${text}: a port is a number from 0 to 65535`)
}

/** @throws CliError FL_CLI_OPTION */
export function oneOf<T extends string>(value: string, allowed: readonly T[], option: string): T {
  const found = allowed.find((one) => one === value)
  if (found !== undefined) return found
  throw new CliError('FL_CLI_OPTION', `${option} ${value}: it must be ${allowed.join(' or ')}`)
}

/** @throws CliError FL_CLI_OPTION naming the first text that is no prefix */
export function prefixes(texts: readonly string[], option: string): Prefix[] {
  return texts.map((text) => {
    const prefix = tryParsePrefix(text)
    if (prefix !== undefined) return prefix
    throw new CliError('FL_CLI_OPTION', `${option}: ${text} is not a CIDR prefix such as 10.244.0.0/16`)
  })
}

/** Splits `host:port` or `[v6]:port`. @throws CliError FL_CLI_OPTION */
export function hostPort(text: string, option: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]+)$/.exec(text)
  if (match === null) throw new CliError('FL_CLI_OPTION', `${option} ${text}: it must be HOST:PORT`)
  return { host: match[1] ?? match[2], port: portNumber(match[3], option) }
}

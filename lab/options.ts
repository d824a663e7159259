import type { Family } from '#inet/address.ts'
import { LabError } from './errors.ts'
import { MAX_NODES } from './network/addressing.ts'

const ROUTER_KINDS = ['bird', 'frr', 'gobgp', 'none'] as const
export type RouterKind = (typeof ROUTER_KINDS)[number]

/** What a lab is made of. */
export interface LabOptions {
  /** several labs run side by side under different names */
  readonly name: string
  readonly nodes: number
  readonly router: RouterKind
  /** of pods and Services; the LAN itself always has both */
  readonly families: readonly Family[]
  readonly forwarding: 'full' | 'off'
  /** further arguments of every speaker */
  readonly speakerOptions: readonly string[]
  readonly speakers: boolean
  /** replicas of the controller */
  readonly controllers: number
}

/** The options as commander hands them over. */
export interface RawOptions {
  name?: string
  nodes?: string
  router?: string
  families?: string
  forwarding?: string
  speakerOptions?: string
  speakers?: boolean
  controller?: boolean
  controllers?: string
}

/**
 * Checks the options of `lab up`.
 * @throws LabError FL_LAB_OPTION
 */
export function parseOptions(raw: RawOptions): LabOptions {
  const nodes = Number(raw.nodes ?? '3')
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES) {
    throw new LabError('FL_LAB_OPTION', `--nodes must be a number from 1 to ${MAX_NODES}, not ${raw.nodes}`)
  }
  const controllers = Number(raw.controllers ?? '1')
  if (!Number.isInteger(controllers) || controllers < 1 || controllers > MAX_CONTROLLERS) {
    throw new LabError(
      'FL_LAB_OPTION',
      `--controllers must be a number from 1 to ${MAX_CONTROLLERS}, not ${raw.controllers}`,
    )
  }
  const families = FAMILIES[raw.families ?? '46']
  if (families === undefined) {
    throw new LabError('FL_LAB_OPTION', `--families must be 4, 6 or 46, not ${raw.families}`)
  }
  return {
    name: parseName(raw.name ?? 'default'),
    nodes,
    router: oneOf('--router', ROUTER_KINDS, raw.router ?? 'bird'),
    families,
    forwarding: oneOf('--forwarding', ['full', 'off'] as const, raw.forwarding ?? 'full'),
    speakerOptions: (raw.speakerOptions ?? '').split(' ').filter((word) => word !== ''),
    speakers: raw.speakers ?? true,
    controllers: (raw.controller ?? true) ? controllers : 0,
  }
}

const MAX_CONTROLLERS = 3

const FAMILIES: Readonly<Record<string, readonly Family[]>> = { '4': [4], '6': [6], '46': [4, 6] }

/**
 * A lab's name becomes the name of a directory.
 * @throws LabError FL_LAB_OPTION
 */
export function parseName(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) {
    throw new LabError(
      'FL_LAB_OPTION',
      `--name must be 1 to 32 of a-z, 0-9 and -, not ${JSON.stringify(name)}`,
    )
  }
  return name
}

function oneOf<const T extends string>(option: string, allowed: readonly T[], given: string): T {
  const found = allowed.find((one) => one === given)
  if (found === undefined) {
    throw new LabError('FL_LAB_OPTION', `${option} must be one of ${allowed.join(', ')}, not ${given}`)
  }
  return found
}

/** Names of the replicas of the controller; the first has that of the component. */
export const controllerNames = (count: number): string[] =>
  Array.from({ length: count }, (_one, index) => (index === 0 ? 'controller' : `controller-${index + 1}`))

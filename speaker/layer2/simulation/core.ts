import { Layer2 } from '../layer2.ts'

/** The core as far as a process drives it. */
export type Core = Pick<
  Layer2,
  | 'put'
  | 'remove'
  | 'links'
  | 'speakers'
  | 'neighbor'
  | 'suspect'
  | 'spoke'
  | 'stop'
  | 'stopped'
  | 'settle'
  | 'receive'
  | 'due'
>

export type CoreFactory = (options: { readonly node: string; readonly random: () => number }) => Core

export const createCore: CoreFactory = (options) => new Layer2(options)

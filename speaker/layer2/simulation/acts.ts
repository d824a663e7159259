import type { Quality } from './network.ts'

/** Everything that can happen to the cluster. Plain data: a scenario is a list of these with times. */
export type Act =
  | { readonly do: 'linkDown' | 'linkUp'; readonly node: string }
  /** the LAN falls in two halves, and becomes one again */
  | { readonly do: 'split'; readonly far: readonly string[] }
  | { readonly do: 'heal' }
  /** nothing from these arrives at those; `unblock` ends all of it */
  | { readonly do: 'block'; readonly from: readonly string[]; readonly to: readonly string[] }
  | { readonly do: 'unblock' }
  | { readonly do: 'quality'; readonly quality: Quality }
  /** the process does not run (SIGSTOP) while its clock goes on */
  | { readonly do: 'freeze' | 'thaw'; readonly node: string }
  /** the whole machine stands still with its kernel, while clocks go on */
  | { readonly do: 'pause' | 'resume'; readonly node: string }
  /** the node's firewall refuses BFD with an ICMP message although the speaker lives, and accepts it again */
  | { readonly do: 'reject' | 'accept'; readonly node: string }
  /** all memory is lost; `start` begins with nothing */
  | { readonly do: 'crash' | 'start'; readonly node: string }
  /** planned: hands over, says AdminDown, ends */
  | { readonly do: 'stop'; readonly node: string }
  /** the node may hold nothing, as after `fairlead drain`, and may again */
  | { readonly do: 'drain' | 'undrain'; readonly node: string }
  | { readonly do: 'prefer'; readonly node: string; readonly address: string; readonly preference: number }
  /** endpoints and forwarding on the node, which the others hear of through the API */
  | { readonly do: 'serve'; readonly node: string; readonly address: string; readonly served: boolean }
  | { readonly do: 'add' | 'remove'; readonly address: string }
  /** of one node, or of all */
  | { readonly do: 'apiDown' | 'apiUp'; readonly node?: string }
  /** main sends everything once more, as after a new list of Services */
  | { readonly do: 'resend'; readonly node: string }
  /** a host that is no node has the address, and has it no more */
  | { readonly do: 'foreign' | 'foreignGone'; readonly address: string }
  /** the node's clock is set forward */
  | { readonly do: 'clockStep'; readonly node: string; readonly ms: number }

/** What an act says besides what it does, in the order of its line. */
const fields: Record<Act['do'], readonly string[]> = {
  linkDown: ['node'],
  linkUp: ['node'],
  split: ['far'],
  heal: [],
  block: ['from', 'to'],
  unblock: [],
  quality: ['quality'],
  freeze: ['node'],
  thaw: ['node'],
  pause: ['node'],
  resume: ['node'],
  reject: ['node'],
  accept: ['node'],
  crash: ['node'],
  start: ['node'],
  stop: ['node'],
  drain: ['node'],
  undrain: ['node'],
  prefer: ['node', 'address', 'preference'],
  serve: ['node', 'address', 'served'],
  add: ['address'],
  remove: ['address'],
  apiDown: ['node'],
  apiUp: ['node'],
  resend: ['node'],
  foreign: ['address'],
  foreignGone: ['address'],
  clockStep: ['node', 'ms'],
}

/** One act as a line for people. */
export function words(act: Act): string {
  const values = fields[act.do].map((field) => (act as unknown as Record<string, unknown>)[field])
  return [act.do, ...values.filter((value) => value !== undefined).map(valueText)].join(' ')
}

/**
 * The act of such a line.
 * @throws Error for another line
 */
export function actOf(line: string): Act {
  const [what, ...values] = line.trim().split(/\s+/)
  if (!Object.hasOwn(fields, what)) throw new Error(`no act: ${line}`)
  const named = fields[what as Act['do']].slice(0, values.length)
  const entries = named.map((field, index) => [field, valueOf(field, values[index])])
  return { do: what, ...Object.fromEntries(entries) } as Act
}

const lists = new Set(['far', 'from', 'to'])
const texts = new Set(['node', 'address'])

const valueText = (value: unknown): string =>
  Array.isArray(value) ? value.join('+') : typeof value === 'string' ? value : JSON.stringify(value)

const valueOf = (field: string, text: string): unknown =>
  lists.has(field) ? text.split('+') : texts.has(field) ? text : JSON.parse(text)

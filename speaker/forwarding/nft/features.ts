/**
 * What the rules need of the kernel and of `nft`, each with a few lines that use that alone. When the rules are
 * refused, the lines that are refused by themselves say why, which the kernel's "Operation not supported" does not.
 */
export interface Feature {
  readonly name: string
  /** the first version of Linux that has it */
  readonly kernel: string
  /** the kernel's module or modules that have it */
  readonly module: string
  /** the first version of nft that can write it */
  readonly nft: string
  /** what goes into a table of this family, line by line */
  readonly probe: (family: TableFamily) => readonly string[]
}

export type TableFamily = 'ip' | 'ip6'

const hooked = (type: string, hook: string, ...rules: string[]): readonly string[] =>
  plain(`type ${type} hook ${hook} priority 0`, ...rules)
const plain = (...lines: string[]): readonly string[] => ['chain c {', ...lines, '}']
const address = (family: TableFamily): string => (family === 'ip' ? 'ipv4_addr' : 'ipv6_addr')

/** nft before this loses the time-out where a packet updates a map: no client would ever be forgotten. */
export const OLDEST_NFT = '1.0.6'

/** Each as the rules use it. Versions are those of the kernel's own history; nothing is needed in vain. */
export const features: readonly Feature[] = [
  { name: 'nf_tables', kernel: '4.18', module: 'nf_tables', nft: OLDEST_NFT, probe: () => plain() },
  {
    name: '`ct` (connection tracking)',
    kernel: '3.18',
    module: 'nft_ct',
    nft: OLDEST_NFT,
    probe: () => plain('ct state new ct status dnat'),
  },
  {
    name: '`dnat`',
    kernel: '4.18',
    module: 'nft_chain_nat and nft_nat',
    nft: OLDEST_NFT,
    probe: (ip) => [
      `map m { type ${address(ip)} : ${address(ip)}; }`,
      ...hooked('nat', 'prerouting', `dnat ${ip} to ${ip} daddr map @m`),
    ],
  },
  {
    name: '`masquerade`',
    kernel: '3.18',
    module: 'nft_masq',
    nft: OLDEST_NFT,
    probe: () => hooked('nat', 'postrouting', 'masquerade fully-random'),
  },
  {
    name: 'concatenated keys',
    kernel: '4.1',
    module: 'nf_tables',
    nft: OLDEST_NFT,
    probe: (ip) => [
      `map m { type ${address(ip)} . inet_proto . inet_service . classid : ${address(ip)} . inet_service; }`,
      ...hooked(
        'nat',
        'prerouting',
        `meta l4proto tcp dnat ${ip} to ${ip} daddr . meta l4proto . th dport . meta priority map @m`,
      ),
    ],
  },
  {
    name: 'maps that packets write to (`update`, `timeout`)',
    kernel: '4.1',
    module: 'nf_tables',
    nft: OLDEST_NFT,
    probe: (ip) => [
      `map m { type classid . ${address(ip)} : classid; flags dynamic,timeout; size 16; }`,
      ...plain(`update @m { meta priority . ${ip} saddr timeout 10s : meta priority }`),
    ],
  },
  {
    name: 'elements that packets delete (`delete`)',
    kernel: '5.4',
    module: 'nf_tables',
    nft: OLDEST_NFT,
    probe: (ip) => [
      `map m { type classid . ${address(ip)} : classid; flags dynamic,timeout; size 16; }`,
      ...plain(`delete @m { meta priority . ${ip} saddr : meta priority }`),
    ],
  },
  {
    name: 'the packet priority as key of a verdict map',
    kernel: '3.14',
    module: 'nf_tables',
    nft: OLDEST_NFT,
    probe: () => ['map m { type classid : verdict; }', ...plain('meta priority vmap @m')],
  },
  {
    name: '`numgen`',
    kernel: '4.10',
    module: 'nft_numgen',
    nft: OLDEST_NFT,
    probe: () => plain('meta priority set numgen random mod 3 offset 0x10000'),
  },
  {
    name: '`jhash`',
    kernel: '4.10',
    module: 'nft_hash',
    nft: OLDEST_NFT,
    probe: (ip) => plain(`meta priority set jhash ${ip} saddr mod 3 seed 0x1 offset 0x10000`),
  },
  {
    name: '`fib`',
    kernel: '4.10',
    module: 'nft_fib_ipv4 and nft_fib_ipv6',
    nft: OLDEST_NFT,
    probe: () =>
      hooked('filter', 'prerouting', 'fib daddr type local fib saddr type local fib daddr . iif oif exists'),
  },
  {
    name: 'sets of ranges',
    kernel: '3.18',
    module: 'nf_tables',
    nft: OLDEST_NFT,
    probe: (ip) => [`set s { type ${address(ip)}; flags interval; }`, ...plain(`${ip} daddr @s`)],
  },
  {
    name: 'named counters',
    kernel: '4.10',
    module: 'nft_objref',
    nft: OLDEST_NFT,
    probe: () => ['counter n { }', ...plain('counter name n')],
  },
  {
    name: '`reject`',
    kernel: '3.18',
    module: 'nft_reject_ipv4 and nft_reject_ipv6',
    nft: OLDEST_NFT,
    probe: () => hooked('filter', 'input', 'meta l4proto tcp reject with tcp reset', 'reject'),
  },
  {
    name: '`reject` before routing',
    kernel: '5.9',
    module: 'nft_reject_ipv4 and nft_reject_ipv6',
    nft: OLDEST_NFT,
    probe: () => hooked('filter', 'prerouting', 'meta l4proto tcp reject with tcp reset', 'reject'),
  },
  {
    name: 'comments on tables and sets',
    kernel: '5.10',
    module: 'nf_tables',
    nft: OLDEST_NFT,
    probe: () => ['comment "a"', 'set s { type mark; comment "b"; }', 'counter n { comment "c"; }'],
  },
]

/** Asks nft and the kernel to carry out a script where it does no harm; rejects with what they say against it. */
export type TryScript = (script: string) => Promise<void>

export interface Versions {
  /** `uname -r` */
  readonly kernel: string
  /** such as `1.0.6`; '' when nft did not say */
  readonly nft: string
}

/**
 * What is missing for the rules, a sentence each; empty when everything is there. One script when all is well, one
 * for each feature otherwise.
 */
export async function missingFeatures(
  attempt: TryScript,
  versions: Versions,
  wanted: readonly Feature[] = features,
): Promise<readonly string[]> {
  const refusal = async (tables: readonly string[]): Promise<string | undefined> => {
    try {
      await attempt(tables.join('\n'))
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  const families = ['ip', 'ip6'] as const
  const everything = families.flatMap((family) => wanted.map((feature, at) => tableText(family, feature, at)))
  const first = await refusal(everything)
  if (first === undefined) return []
  if (/Operation not permitted/.test(first)) {
    return ['nf_tables may not be changed by this process: it needs the capability CAP_NET_ADMIN']
  }
  const missing: string[] = []
  let tables: readonly TableFamily[] = families
  for (const [at, feature] of wanted.entries()) {
    const refused: TableFamily[] = []
    let complaint = ''
    for (const family of tables) {
      const words = await refusal([tableText(family, feature, at)])
      if (words === undefined) continue
      refused.push(family)
      complaint = words
    }
    if (refused.length === 0) continue
    const one = refused.length < tables.length ? ` for ${familyWords[refused[0] ?? 'ip']}` : ''
    missing.push(sentence(feature, `${feature.name}${one}`, complaint, versions))
    // Where there are no tables at all, the rest is refused, too.
    if (at === 0) tables = tables.filter((family) => !refused.includes(family))
  }
  return missing
}

/** What nft lacks by its version alone; '' when it is new enough or did not say. */
export const nftTooOld = (version: string): string =>
  version !== '' && older(version, OLDEST_NFT)
    ? `nft ${OLDEST_NFT} or newer is needed (this is ${version})`
    : ''

/** The version in what `nft --version` prints, such as `nftables v1.0.6 (Lester Gooch #5)`; '' when there is none. */
export const parseNftVersion = (text: string): string => /\bv(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? ''

const PROBE_TABLE = 'fairlead-probe'

const familyWords = { ip: 'IPv4', ip6: 'IPv6' } as const

/** A table of its own for each, so that one name means one thing. */
const tableText = (family: TableFamily, feature: Feature, number: number): string =>
  [`table ${family} ${PROBE_TABLE}-${number} {`, ...feature.probe(family), '}'].join('\n')

function sentence(feature: Feature, name: string, complaint: string, { kernel, nft }: Versions): string {
  if (/syntax error|unknown identifier|unexpected/.test(complaint)) {
    return `nft cannot write ${name}: nft ${feature.nft} or newer is needed (this is ${nft || 'unknown'})`
  }
  if (older(kernel, feature.kernel)) {
    return `the kernel refuses ${name}: Linux ${feature.kernel} or newer is needed (this is ${kernel})`
  }
  return (
    `the kernel refuses ${name}: Linux ${kernel} is new enough, but was built without ${feature.module}, ` +
    'or cannot load it'
  )
}

/** Compares dotted versions by their numbers; what follows the numbers does not count. */
function older(version: string, than: string): boolean {
  const numbers = (text: string): number[] => (/^\d+(\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number)
  const [a, b] = [numbers(version), numbers(than)]
  for (const [at, wanted] of b.entries()) {
    const have = a[at] ?? 0
    if (have !== wanted) return have < wanted
  }
  return false
}

const factors: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 }

/**
 * Reads a bandwidth in bits per second as network engineers write it: `1G`, `2.5G`, `100M`, `64000`.
 * @returns octets per second; undefined for what is no bandwidth, or none
 */
export function parseBandwidth(text: string): number | undefined {
  const match = /^([0-9]{1,15}([.][0-9]{1,6})?)([kKMGT]?)$/.exec(text)
  if (match === null) return undefined
  const bits = Number(match[1]) * (factors[match[3]] as number)
  return bits > 0 ? bits / 8 : undefined
}

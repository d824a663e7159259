import { parseArgs } from 'node:util'

export interface Options {
  /** of each event */
  readonly runs: number
  /** names of events and of the other sections; [] means all */
  readonly only: readonly string[]
  /** how long the API server is away, the holder being killed in the middle */
  readonly apiAwaySeconds: number
  /** how long the LAN stays split in two */
  readonly splitSeconds: number
  readonly bfdSeconds: number
  /** Services of the take-over and of the memory */
  readonly services: number
  /** addresses held while answers are timed */
  readonly addresses: number
  /** directory where the captures stay; '' for none */
  readonly keep: string
}

/** @throws TypeError for an option that there is not, Error for a value that is no number */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '20' },
      only: { type: 'string', default: '' },
      'api-away': { type: 'string', default: '20' },
      split: { type: 'string', default: '15' },
      'bfd-seconds': { type: 'string', default: '60' },
      services: { type: 'string', default: '1000' },
      addresses: { type: 'string', default: '10000' },
      keep: { type: 'string', default: '' },
    },
  })
  const count = (name: keyof typeof values): number => {
    const value = Number(values[name])
    if (Number.isInteger(value) && value > 0) return value
    throw new Error(`--${name} ${values[name]}: it must be a whole number above 0`)
  }
  return {
    runs: count('runs'),
    only: values.only.split(',').filter((one) => one !== ''),
    apiAwaySeconds: count('api-away'),
    splitSeconds: count('split'),
    bfdSeconds: count('bfd-seconds'),
    services: count('services'),
    addresses: count('addresses'),
    keep: values.keep,
  }
}

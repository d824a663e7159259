import { broadcastMac } from '../ethernet.ts'
import { allNodes, groupMac } from '../ndp.ts'
import { foreignAnswer, foreignClaim, question, whatSaid, type Asker } from './frames.ts'
import type { Network, Station } from './network.ts'
import type { VirtualTime } from './virtual-time.ts'

const allNodesMac = groupMac(allNodes)

/** One question and who answered it. */
export interface Asked {
  readonly at: number
  readonly address: string
  /** hardware addresses, in the order of arrival */
  readonly answers: number[]
}

/** A host of the LAN that asks for addresses. */
export class Client implements Station, Asker {
  readonly name: string
  readonly mac: number
  readonly address4: string
  readonly address6: string
  /** it heard somebody say unasked where an address is */
  onClaim: (address: string, mac: number) => void = () => {}
  readonly #network: Network
  readonly #last = new Map<string, Asked>()

  constructor(name: string, number: number, network: Network) {
    this.name = name
    this.mac = 0x0200000000c0 + number
    this.address4 = `10.0.9.${number}`
    this.address6 = `fe80::c:${number}`
    this.#network = network
    network.attach(this)
  }

  /** Answers go to the last question for the address. */
  ask(address: string, now: number): Asked {
    const asked = { at: now, address, answers: [] }
    this.#last.set(address, asked)
    this.#network.send(this, question(address, this))
    return asked
  }

  listensTo(group: number): boolean {
    return group === broadcastMac || group === allNodesMac
  }

  receive(frame: Uint8Array): void {
    const said = whatSaid(frame)
    if (said?.kind === 'answer') this.#last.get(said.address)?.answers.push(said.mac)
    else if (said?.kind === 'claim') this.onClaim(said.address, said.mac)
  }
}

/** A machine outside the cluster that has a service address for its own, as an old server may. */
class Foreigner implements Station, Asker {
  readonly name: string
  readonly mac: number
  readonly address4: string
  readonly address6: string
  readonly #address: string
  readonly #network: Network
  present = true
  /** when it was last switched off */
  left = Number.NEGATIVE_INFINITY

  constructor(address: string, number: number, network: Network) {
    this.name = `foreign-${number}`
    this.mac = 0x0200000000f0 + number
    this.address4 = `10.0.10.${number}`
    this.address6 = `fe80::f:${number}`
    this.#address = address
    this.#network = network
    network.attach(this)
    this.claim()
  }

  claim(): void {
    this.#network.send(this, foreignClaim(this.#address, this))
  }

  listensTo(): boolean {
    return true
  }

  receive(frame: Uint8Array): void {
    const answer = this.present ? foreignAnswer(frame, this.#address, this) : undefined
    if (answer !== undefined) this.#network.send(this, answer)
  }
}

/** Milliseconds after which an address must be held again that a foreign host has had. */
const foreignEffect = 12_000

/** All such machines: one for each address that ever had one. */
export class Foreigners {
  readonly #time: VirtualTime
  readonly #network: Network
  readonly #byAddress = new Map<string, Foreigner>()

  constructor(time: VirtualTime, network: Network) {
    this.#time = time
    this.#network = network
  }

  /** Another host uses it, or has until lately: it is tried again every ten seconds only. */
  disputed(address: string): boolean {
    const foreigner = this.#byAddress.get(address)
    return foreigner !== undefined && (foreigner.present || this.#time.now < foreigner.left + foreignEffect)
  }

  set(address: string, present: boolean): void {
    const known = this.#byAddress.get(address)
    if (known === undefined) {
      if (present)
        this.#byAddress.set(address, new Foreigner(address, this.#byAddress.size + 1, this.#network))
    } else if (present) {
      known.present = true
      known.claim()
    } else if (known.present) {
      known.present = false
      known.left = this.#time.now
    }
  }
}

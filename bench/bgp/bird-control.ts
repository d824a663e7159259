import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Of a configuration, for times that can be read to the microsecond. */
export const timeFormat = 'timeformat protocol "%F %T.%6f";'

/** BIRD's control socket, kept open: an answer takes a fraction of a millisecond, where birdc takes several. */
export class BirdControl {
  readonly #socket: Socket
  #text = ''
  #answered: (text: string) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      this.#text += chunk
      // The last line of an answer has a space behind its number.
      if (!/^\d{4} .*\n$/m.test(this.#text)) return
      const text = this.#text
      this.#text = ''
      this.#answered(text)
    })
  }

  static async open(path: string): Promise<BirdControl> {
    const socket = connect(path)
    const control = new BirdControl(socket)
    const greeting = control.#next()
    await once(socket, 'connect')
    await greeting
    return control
  }

  /** One question at a time. */
  ask(command: string): Promise<string> {
    const answer = this.#next()
    this.#socket.write(`${command}\n`)
    return answer
  }

  async established(protocol: string): Promise<boolean> {
    return /BGP state:\s+Established/.test(await this.ask(`show protocols all ${protocol}`))
  }

  /**
   * Since when its session is up, in epoch milliseconds (undefined: it is not), and how many routes it has brought. The
   * time is BIRD's own, for which its configuration must have `timeFormat`: whoever asks may come late.
   */
  async progress(protocol: string): Promise<{ up: number | undefined; routes: number }> {
    const text = await this.ask(`show protocols all ${protocol}`)
    const since = /up\s+(\S+) (\S+)(\.\d+)\s+Established/.exec(text)
    return {
      up: since === null ? undefined : Date.parse(`${since[1]}T${since[2]}`) + Number(since[3]) * 1000,
      routes: Number(/Routes:\s+(\d+) imported/.exec(text)?.[1] ?? 0),
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #next(): Promise<string> {
    return new Promise((resolve) => (this.#answered = resolve))
  }
}

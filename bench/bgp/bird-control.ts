import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

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

  /** Whether its session is up, and how many routes it has brought. */
  async progress(protocol: string): Promise<{ up: boolean; routes: number }> {
    const text = await this.ask(`show protocols all ${protocol}`)
    return {
      up: /BGP state:\s+Established/.test(text),
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

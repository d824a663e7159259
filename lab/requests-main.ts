import { get } from 'node:http'
import { messageOf } from './errors.ts'

/**
 * A client for the demonstration: `node requests-main.ts URL COUNT` makes requests one after another, each on a
 * connection of its own, and prints one line a request: the server's JSON, or `{"error": …}`.
 */
const [url = '', count = '1'] = process.argv.slice(2)

for (let made = 0; made < Number(count); made++) console.log(await request())

function request(): Promise<string> {
  return new Promise((resolve) => {
    const failed = (error: unknown) => resolve(JSON.stringify({ error: messageOf(error) }))
    const asking = get(url, { agent: false, timeout: 3000 }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (body += part))
      response.on('end', () => resolve(body.trim()))
      response.on('error', failed)
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer in 3 s')))
    asking.on('error', failed)
  })
}

/**
 * The wire thread of a speaker in a process of its own, told what to do over the channel to its parent: so that it
 * can be killed like a speaker, and weighed.
 */
import { WireHost } from '#speaker/wire/wire-host.ts'
import type { FromSpeaker, ToSpeaker } from './speaker.ts'

const say = (message: FromSpeaker): void => void process.send?.(message)

const host = new WireHost({
  node: process.argv[2] ?? 'node',
  onObserved: (observed) => say({ kind: 'observed', observed }),
  onCrash: (error) => {
    throw error
  },
})

process.on('message', (message: ToSpeaker) => {
  switch (message.kind) {
    case 'desired':
      return host.send(message.desired)
    case 'weigh':
      // Without garbage, so that what is left is what is held.
      globalThis.gc?.()
      return say({ kind: 'weight', rss: process.memoryUsage.rss() })
    case 'block': {
      const end = performance.now() + message.ms
      while (performance.now() < end);
      return say({ kind: 'unblocked' })
    }
    case 'stop':
      return void host.stop().then(() => process.disconnect())
  }
})

host.start()
// The thread loads its code first: until it answers it is neither ready nor of its idle weight.
while ((await host.ask({ about: 'messages', peer: '' })) === undefined);
say({ kind: 'started' })

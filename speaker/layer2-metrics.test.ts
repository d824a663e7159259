import { Registry } from 'prom-client'
import { beforeEach, expect, test } from 'vitest'
import { Layer2Metrics } from './layer2-metrics.ts'
import { AnswerLatency } from './wire/answer-latency.ts'

let registry: Registry
let metrics: Layer2Metrics

beforeEach(() => {
  registry = new Registry()
  metrics = new Layer2Metrics(registry)
})

const series = async (name: string): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name))

test('answers are a histogram in seconds, by family', async () => {
  const latency = new AnswerLatency()
  for (const microseconds of [5, 30, 30, 700, 200_000]) latency.answered(6, microseconds)
  metrics.frames({ latencies: latency.take() })
  const name = 'fairlead_layer2_answer_latency_seconds'
  expect((await registry.metrics()).split('\n')).toContain(`# TYPE ${name} histogram`)
  expect((await series(name)).filter((line) => line.includes('IPv6'))).toEqual([
    `${name}_bucket{le="0.00001",ip_family="IPv6"} 1`,
    `${name}_bucket{le="0.000025",ip_family="IPv6"} 1`,
    ...['0.00005', '0.0001', '0.00025', '0.0005'].map(
      (le) => `${name}_bucket{le="${le}",ip_family="IPv6"} 3`,
    ),
    ...['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1'].map(
      (le) => `${name}_bucket{le="${le}",ip_family="IPv6"} 4`,
    ),
    `${name}_bucket{le="+Inf",ip_family="IPv6"} 5`,
    `${name}_sum{ip_family="IPv6"} 0.200765`,
    `${name}_count{ip_family="IPv6"} 5`,
  ])
  // Nothing was answered there; the series are there all the same, so that rates work from the first answer on.
  expect(await series(`${name}_count{ip_family="IPv4"}`)).toEqual([`${name}_count{ip_family="IPv4"} 0`])
  // Totals, not increments.
  latency.answered(6, 30)
  metrics.frames({ latencies: latency.take() })
  expect(await series(`${name}_count{ip_family="IPv6"}`)).toEqual([`${name}_count{ip_family="IPv6"} 6`])
  expect(await registry.getMetricsAsJSON()).toContainEqual(
    expect.objectContaining({ name, type: 'histogram' }),
  )
})

test('frames that were lost or not answered, until the interface is gone', async () => {
  metrics.frames({
    drops: [
      { interface: 'eth0', reason: 'notAnnounced', count: 4 },
      { interface: 'eth1', reason: 'truncated', count: 1 },
    ],
    lost: [{ interface: 'eth1', received: 7, sent: 0 }],
  })
  metrics.frames({ drops: [{ interface: 'eth0', reason: 'notAnnounced', count: 5 }] })
  const unanswered = 'fairlead_layer2_frames_unanswered{'
  const lost = 'fairlead_layer2_frames_lost{'
  expect(await series(unanswered)).toEqual([
    `${unanswered}interface="eth1",reason="truncated"} 1`,
    `${unanswered}interface="eth0",reason="notAnnounced"} 5`,
  ])
  expect(await series(lost)).toEqual([
    `${lost}interface="eth1",direction="received"} 7`,
    `${lost}interface="eth1",direction="sent"} 0`,
  ])
  metrics.retainInterfaces(new Set(['eth0', 'lo']))
  expect(await series(unanswered)).toHaveLength(1)
  expect(await series(lost)).toEqual([])
})

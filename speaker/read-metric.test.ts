import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { SpeakerMetrics, type Announced } from './metrics.ts'
import { registerReadMetric } from './read-metric.ts'

test('a metric is what it is when it is asked for', async () => {
  const registry = new Registry()
  const values = new Map([['192.0.2.1', 3]])
  registerReadMetric(registry, {
    name: 'answers',
    help: 'Answers by address',
    type: 'counter',
    samples: () => [...values].map(([ip, value]) => ({ labels: { ip }, value })),
  })
  const lines = ['# HELP answers Answers by address', '# TYPE answers counter']
  expect((await registry.metrics()).trim().split('\n')).toEqual([...lines, 'answers{ip="192.0.2.1"} 3'])
  values.clear()
  expect((await registry.metrics()).trim().split('\n')).toEqual(lines)
  const json = { name: 'answers', help: 'Answers by address', type: 'counter', aggregator: 'sum', values: [] }
  expect(await registry.getMetricsAsJSON()).toEqual([json])
})

test('what is announced is a gauge under its name and labels of upstream', async () => {
  const metrics = new SpeakerMetrics()
  const announced: Announced = { service: 'default/web', protocol: 'bgp', node: 'node1', ip: '192.0.2.1' }
  metrics.readAnnounced(() => [announced])
  expect((await metrics.registry.metrics()).split('\n')).toContain(
    'metallb_speaker_announced{service="default/web",protocol="bgp",node="node1",ip="192.0.2.1"} 1',
  )
})

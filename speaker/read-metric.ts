import type { Metric, Registry } from 'prom-client'

export interface ReadSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface ReadMetricOptions {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** its series now */
  readonly samples: () => Iterable<ReadSample>
}

/**
 * Registers a metric that is read when it is asked for. With a series for each address that saves memory: prom-client's
 * own keep the labels of each as text and as an object.
 */
export function registerReadMetric(registry: Registry, options: ReadMetricOptions): void {
  const { name, help, type, samples } = options
  const get = () => Promise.resolve({ name, help, type, aggregator: 'sum', values: [...samples()] })
  // Of a metric a registry wants a name and what it collects.
  registry.registerMetric({ name, get } as unknown as Metric)
}

import { call } from './harness.js'

export interface Metric {
  type: string
  help: string
  /** By the sample's name with its labels, as it is written. */
  samples: Map<string, number>
}

// prom-client writes Nan, which Prometheus reads, for the lag of an event loop that has not turned since the last scrape.
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|Nan)$/

/**
 * Prometheus's text format, version 0.0.4, as far as we use it.
 * @returns the metrics by name
 * @throws {Error} at a line that is none of it, or where it does not belong
 */
export function parseExposition (text: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>()
  let current: Metric | undefined
  let name = ''
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    const sample = SAMPLE.exec(line)
    if (line === '') continue
    if (help !== null && !metrics.has(help[1]!)) {
      name = help[1]!
      metrics.set(name, current = { type: '', help: help[2]!, samples: new Map() })
    } else if (type !== null && type[1] === name && current?.type === '') {
      current.type = type[2]!
    } else if (sample !== null && current !== undefined && current.type !== '' && belongs(sample[1]!, name, current.type) && !current.samples.has(sample[1]! + (sample[2] ?? ''))) {
      current.samples.set(sample[1]! + (sample[2] ?? ''), Number(sample[3]))
    } else {
      throw new Error(`no line of a metric: ${line}`)
    }
  }
  return metrics
}

function belongs (sample: string, name: string, type: string): boolean {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].some((suffix) => sample === name + suffix) : sample === name
}

/** What /metrics says now. @returns the value of a sample, undefined where there is none */
export async function scrape (url: string): Promise<(sample: string) => number | undefined> {
  const { body } = await call<string>(`${url}/metrics`)
  const metrics = [...parseExposition(body).values()]
  return (sample) => metrics.find(({ samples }) => samples.has(sample))?.samples.get(sample)
}

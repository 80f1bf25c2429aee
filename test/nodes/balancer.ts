import type { Test } from 'tap'
import { call } from '../harness.js'
import type { Node } from './node.js'

/** ms between two looks at a node. */
const LOOK_MS = 100

/**
 * Leads to nodes that say that they are ready, as a balancer with health checks does.
 * @returns a way to get one's URL; of any node where none is ready
 */
export function balance (t: Test, nodes: Node[]): () => string {
  const ready = new Set(nodes)
  let over = false
  const watch = async (node: Node): Promise<void> => {
    while (!over) {
      const status = await call(`${node.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then((answer) => answer.status, () => 0)
      if (status === 200) ready.add(node)
      else ready.delete(node)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
  const watching = nodes.map(watch)
  t.teardown(() => {
    over = true
    return Promise.all(watching)
  })
  return () => {
    const offered = ready.size > 0 ? [...ready] : nodes
    return offered[Math.floor(Math.random() * offered.length)]!.url
  }
}

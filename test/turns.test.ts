import t from 'tap'
import { Turns } from '../src/turns.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('so many are let through in a turn of the event loop, all of them in order', async (t) => {
  const turns = new Turns(3)
  const through: number[] = []
  for (let i = 0; i < 8; i++) void turns.take().then(() => through.push(i))
  await Promise.resolve()
  t.strictSame(through, [0, 1, 2])
  await turn()
  t.strictSame(through, [0, 1, 2, 3, 4, 5])
  void turns.take().then(() => through.push(8))
  await turn()
  t.strictSame(through, [0, 1, 2, 3, 4, 5, 6, 7, 8], 'whoever comes later, later')
})

t.test('who comes when nobody waits is let through at once', async (t) => {
  const turns = new Turns(1)
  for (let i = 0; i < 3; i++) {
    let through = false
    void turns.take().then(() => { through = true })
    await Promise.resolve()
    t.ok(through)
    await turn()
    await turn()
  }
})

t.test('everything else goes on between two turns that have taken long', async (t) => {
  const turns = new Turns(1, { rest: 3 })
  const through: number[] = []
  for (let i = 0; i < 3; i++) {
    void turns.take().then(() => {
      through.push(i)
      const begun = performance.now()
      while (performance.now() < begun + 10);
    })
  }
  await turn()
  for (let others = 0; others < 5; others++) await turn()
  t.strictSame(through, [0], 'whoever waits does so for longer than that')
  while (through.length < 3) await turn()
  t.strictSame(through, [0, 1, 2])
})

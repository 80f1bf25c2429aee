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

import t from 'tap'
import { eventually, startApp } from '../harness.js'

const BY = { id: 'm', name: 'Moderator', tag: 'abc234' }

t.test('what has run out is let go of, and whoever keeps something by it hears of it', async (t) => {
  const { app } = await startApp(t)
  const documents = await app.sharedDocuments<string>('test')
  const heard: unknown[] = []
  documents.onChange = (...change) => heard.push(change)
  await documents.put('for-ever', 'a', BY)
  await documents.put('for-a-while', 'b', BY, 20)
  await eventually(() => documents.get('for-a-while') === undefined, 'it has run out')
  documents.sweep()
  documents.sweep()
  t.match(heard.slice(2), [['for-a-while', undefined, 'b']])
  t.equal(heard.length, 3)
  t.strictSame([...documents.entries()], [['for-ever', 'a']])
})

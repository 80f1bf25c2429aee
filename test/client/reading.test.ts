import t from 'tap'
import { chainFlaw, guest, post, startApp } from '../harness.js'
import { Listener } from './listener.js'
import { RoughWay } from './rough-way.js'

t.test('what is posted is told once and in order, through thirty cuts', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  const author = await guest(url)
  const posted: string[] = []
  let posting = true
  const speaking = (async () => {
    while (posting) {
      posted.push(`number ${posted.length}`)
      await post(url, { message: posted.at(-1) }, author)
    }
  })()
  for (let cuts = 0; cuts < 30; cuts++) {
    const had = listener.told.length
    way.cut()
    const lost = listener.next('offline')
    await lost
    listener.client.reconnect()
    await listener.until(({ told, client }) => told.length > had && client.state.state === 'live')
  }
  posting = false
  await speaking
  await listener.until(({ events }) => events.at(-1)?.message === posted.at(-1))
  t.strictSame(listener.messages(), posted)
  t.equal(chainFlaw(listener.events), undefined)
  t.equal(listener.continuities.length, 30, 'of each cut it is said what came of it')
  const missed = listener.continuities.reduce((sum, { messages }) => sum + messages, 0)
  t.equal(missed, listener.told.filter(({ why }) => why === 'missed').length, 'and how many messages were missed')
  t.ok(listener.continuities.every(({ gaps }) => gaps.length === 0), 'and that none is missing')
})

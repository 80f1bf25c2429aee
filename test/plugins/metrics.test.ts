import t from 'tap'
import { Reader, call, eventually, guest, post, startApp } from '../harness.js'
import { parseExposition, scrape } from '../exposition.js'

t.test('/metrics is Prometheus\'s text, and its names keep to the conventions', async (t) => {
  const { url } = await startApp(t)
  const reader = await Reader.open(`${url}/events`)
  t.teardown(() => reader.close())
  await post(url, { message: 'x' })
  await reader.until(({ messages }) => messages.length === 1)
  const { status, headers, body } = await call<string>(`${url}/metrics`)
  t.equal(status, 200)
  t.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const metrics = parseExposition(body)
  const ours = [...metrics].filter(([name]) => name.startsWith('hubbub_'))
  t.ok(ours.length > 10)
  for (const [name, { type, help, samples }] of ours) {
    t.match(help, /\.$/, `${name} says what it is`)
    t.match(type, /^(counter|gauge|histogram)$/, name)
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
    t.notMatch(name, /_(ms|milliseconds|kilobytes|mb)(_|$)/, 'in base units')
    if (type !== 'histogram') continue
    const buckets = [...samples].filter(([sample]) => sample.includes('_bucket')).map(([, value]) => value)
    t.strictSame(buckets, buckets.toSorted((a, b) => a - b), `${name}: each bucket holds the ones below it`)
  }
  const labels = new Set(ours.flatMap(([, { samples }]) => [...samples.keys()]).flatMap((sample) => [...sample.matchAll(/([a-z]+)="/g)].map(([, label]) => label)))
  t.strictSame([...labels].sort(), ['le', 'limit', 'reason', 'result'], 'no label has a value that a caller could choose')
  t.equal((await call(`${url}/metrics`, { method: 'HEAD' })).status, 200)
})

t.test('deliveries are posts times streams, in every representation', async (t) => {
  const { url } = await startApp(t)
  await post(url, { message: 'history' })
  const accepts = ['text/event-stream', 'application/x-ndjson']
  const paths = ['/events', '/events?lurk=1', '/events?room=lobby&room=other', '/events?room=other']
  const readers = await Promise.all(accepts.flatMap((accept) => paths.map((path) => Reader.open(url + path, { headers: { accept } }))))
  for (const reader of readers) {
    t.teardown(() => reader.close())
    await reader.until(({ received }) => received.length > 0)
  }
  const { authorization } = await guest(url)
  const POSTS = 50
  const rooms = Array.from({ length: POSTS }, (_, index) => index % 5 === 0 ? 'other' : 'lobby')
  await Promise.all(rooms.map((room) => post(url, { message: 'x', room }, { authorization })))
  const each = { lobby: 40, other: 10 }
  const due = readers.map((_, index) => [each.lobby, each.lobby, POSTS, each.other][index % paths.length]!)
  await Promise.all(readers.map((reader, index) => reader.until(({ events }) => events.length === due[index])))

  const live = await scrape(url)
  const expected = due.reduce((sum, count) => sum + count)
  t.equal(live('hubbub_deliveries_total'), expected)
  t.equal(live('hubbub_posts_total{result="stored"}'), POSTS + 1)
  t.equal(live('hubbub_append_duration_seconds_count'), POSTS + 1)
  t.ok(live('hubbub_append_duration_seconds_sum')! > 0)
  t.equal(live('hubbub_flush_events_sum'), POSTS, 'an event is flushed once in its room')
  t.equal(live('hubbub_flush_events_count'), live('hubbub_flush_duration_seconds_count'))
  t.equal(live('hubbub_open_streams'), readers.length)
  t.equal(live('hubbub_live_rooms'), 2)
  t.equal(live('hubbub_slowest_reader_lag_events'), 0)
  t.ok(live('hubbub_ring_bytes')! > 0)
  const bytes = readers.reduce((sum, { events }) => sum + Buffer.byteLength(events.map((event) => JSON.stringify(event)).join('')), 0)
  t.ok(live('hubbub_sent_bytes_total')! >= bytes, `at least the events' ${bytes} bytes`)

  const late = await Promise.all(accepts.map((accept) => Reader.open(`${url}/events?history=500`, { headers: { accept } })))
  for (const reader of late) {
    t.teardown(() => reader.close())
    await reader.until(({ events }) => events.length === each.lobby + 1)
  }
  const poll = await call(`${url}/events?history=3`, { headers: { accept: 'application/json' } })
  t.equal(poll.body.events.length, 3)
  t.equal((await scrape(url))('hubbub_deliveries_total'), expected + late.length * (each.lobby + 1) + 3, 'what is caught up counts too')
})

t.test('posts are counted by result', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '3' })
  const [a, b] = [await guest(url), await guest(url)]
  const answers = [
    await post(url, { message: 'x', key: 'k' }, { authorization: a.authorization }),
    await post(url, { message: 'x', key: 'k' }, { authorization: a.authorization }),
    await post(url, { message: 'y', key: 'k' }, { authorization: a.authorization }),
    await post(url, { message: 'x' }, { authorization: a.authorization }),
    await post(url, { message: 'x' }, { authorization: a.authorization }),
    await post(url, { message: 'x' }, { authorization: b.authorization }),
    await post(url, { massage: 'x' }, { authorization: b.authorization }),
    await post(url, '{', { authorization: b.authorization }),
    await post(url, { message: 'x'.repeat(20_000) }, { authorization: b.authorization }),
    await post(url, 'x', { authorization: b.authorization, 'content-type': 'text/plain' }),
    await post(url, { message: 'x' }, { authorization: 'Bearer x' })
  ]
  t.strictSame(answers.map(({ status }) => status), [201, 200, 409, 429, 429, 201, 400, 400, 413, 415, 401])
  await app.engine.close()
  t.equal((await post(url, { message: 'x' }, { authorization: b.authorization })).status, 503)
  const count = await scrape(url)
  const results = ['stored', 'repeated', 'invalid', 'unauthorized', 'limited', 'unavailable', 'failed']
  t.strictSame(Object.fromEntries(results.map((result) => [result, count(`hubbub_posts_total{result="${result}"}`)])),
    { stored: 2, repeated: 1, invalid: 5, unauthorized: 1, limited: 2, unavailable: 1, failed: 0 })
})

t.test('resets are counted by reason', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '5' })
  const { authorization } = await guest(url)
  const ids: string[] = []
  for (let index = 0; index < 10; index++) ids.push((await post(url, { message: 'x' }, { authorization })).body.event.id)
  // Trimming follows the posts.
  await eventually(async () => (await call(`${url}/rooms/lobby/events`)).body.events.length === 5, 'trimmed')
  const cursors = { trimmed: `lobby:${ids[0]}`, unknown: `lobby:${ids[8]!.split('-')[0]}-99999`, future: 'lobby:9000000000000-0', malformed: 'what?', 'other-room': `other:${ids[9]}` }
  for (const [reason, cursor] of Object.entries(cursors)) {
    for (const accept of ['text/event-stream', 'application/x-ndjson']) {
      const reader = await Reader.open(`${url}/events?lurk=1`, { headers: { accept, 'last-event-id': cursor } })
      await reader.until((reader) => reader.notices('reset').length === 1)
      t.equal(reader.notices('reset')[0].reason, reason)
      reader.close()
    }
  }
  const count = await scrape(url)
  for (const reason of Object.keys(cursors)) t.equal(count(`hubbub_resets_total{reason="${reason}"}`), 2, reason)
})

t.test('two applications in one process count apart', async (t) => {
  const [one, two] = [await startApp(t), await startApp(t)]
  await post(one.url, { message: 'x' })
  t.equal((await scrape(one.url))('hubbub_posts_total{result="stored"}'), 1)
  t.equal((await scrape(two.url))('hubbub_posts_total{result="stored"}'), 0)
})

t.test('an application that closes counts whom it sends off', async (t) => {
  const { app, url } = await startApp(t)
  const readers = await Promise.all(Array.from({ length: 3 }, () => Reader.open(`${url}/events`)))
  for (const reader of readers) await reader.until(({ received }) => received.length > 0)
  await app.close()
  await Promise.all(readers.map((reader) => reader.end()))
  const told = parseExposition(await app.metrics.metrics()).get('hubbub_streams_sent_off_total')!.samples
  t.equal(told.get('hubbub_streams_sent_off_total{reason="shutdown"}'), 3)
})

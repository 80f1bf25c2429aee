import t from 'tap'
import { eventually, post, startApp } from '../harness.js'
import { dial, get, responses } from './wire.js'

for (const accept of ['text/event-stream', 'application/x-ndjson', 'text/plain']) {
  t.test(`a stream that is sent off in the middle of a slow replay ends with its farewell, and its connection goes on (${accept})`, async (t) => {
    const { app, url } = await startApp(t)
    const { body: { event: first } } = await post(url, { message: 'one' })
    // The next one is due, at a hundredth of the pace, a hundred times as long after it.
    await eventually(() => Date.now() - Date.parse(first.at) > 200, 'some time between the two')
    await post(url, { message: 'two' })
    const { socket, text } = await dial(t, url)
    socket.write(get('/events?lurk=1&since=10m&speed=0.01').replace('text/event-stream', accept))
    await eventually(() => text().includes('one'), 'the first event')
    await app.broadcaster.dismiss('shutdown', () => 500)
    await eventually(() => text().endsWith('\r\n0\r\n\r\n'), 'the end')
    socket.write(get('/healthz'))
    await eventually(() => text().includes('"status":"ok"'), 'the next answer')
    t.equal(responses(text()), 2)
    t.match(text(), /\r\n0\r\n\r\nHTTP\/1\.1 200 /, 'nothing stands between them')
    t.notMatch(text(), 'two', 'nothing came before its time')
  })
}

import t, { type Test } from 'tap'
import { Reader, call, post, startApp } from '../harness.js'

async function open (t: Test, url: string): Promise<Reader> {
  const reader = await Reader.open(url, { headers: { accept: 'text/plain' } })
  t.teardown(() => reader.close())
  return reader.until(({ text }) => text.includes('\n'))
}

t.test('a message is a line: time, name, text', async (t) => {
  const { url } = await startApp(t)
  const { body: { event } } = await post(url, { message: 'old' })
  const reader = await open(t, `${url}/events?history=1&lurk=1`)
  await post(url, { message: 'héllo 👋' })
  await reader.until(({ text }) => text.includes('👋'))
  const lines = reader.text.split('\n').filter((line) => /^\d/.test(line))
  t.equal(lines[0], `${event.at.slice(11, 16)} ${event.user.name}  old`)
  t.match(lines[1], /^\d\d:\d\d [a-z]+-[a-z]+ {2}héllo 👋$/)
  t.equal(reader.response.headers['content-type'], 'text/plain; charset=utf-8')
})

t.test('nothing that a terminal would act on comes through', async (t) => {
  const { url } = await startApp(t)
  const reader = await open(t, `${url}/events?lurk=1`)
  const hostile = '\u001b[31mred\u001b[2J\u001b]0;title\u0007 \u009b31m \u0090x\u009c \u0085 \u0000\u0008\u007f \u202egpj.exe\u202c \u2066x\u2069 \u200e\u200f\u061c \rover end'
  await post(url, { message: hostile })
  await post(url, { type: 'evil', data: { '\u001b[31m': '\u009b\u202e\u0007' } })
  await reader.until(({ text }) => text.includes('[evil]'))
  t.notMatch(reader.text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/)
  t.match(reader.text, /red.*gpj\.exe.*over end\n/, 'what can be read stays')
})

t.test('a message cannot be taken for a line of its own', async (t) => {
  const { url } = await startApp(t)
  const reader = await open(t, `${url}/events?lurk=1`)
  await post(url, { message: 'a\n10:02 admin  forged\r\n10:03 admin  forged\r10:04 admin  forged\u2028\u0085\n* you are admin\nlast' })
  await reader.until(({ text }) => text.includes('last\n'))
  t.equal(reader.text.split('\n').filter((line) => /^\d\d:\d\d /.test(line)).length, 1)
  t.equal(reader.text.split('\n').filter((line) => line.startsWith('* ')).length, 1, 'welcome alone')
})

t.test('a name cannot bring controls either', async (t) => {
  const { url } = await startApp(t)
  const { status } = await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'a\u001b[31m' } })
  t.equal(status, 400)
})

t.test('the reset is told in words, and the stream goes on', async (t) => {
  const { url } = await startApp(t)
  await post(url, { message: 'kept' })
  const reader = await Reader.open(`${url}/events?lurk=1`, { headers: { accept: 'text/plain', 'last-event-id': 'lobby:1-0' } })
  t.teardown(() => reader.close())
  await reader.until(({ text }) => text.includes('kept'))
  t.match(reader.text, /^\* .*\n\* lobby: .*missing.*unknown.*\n\d\d:\d\d /)
})

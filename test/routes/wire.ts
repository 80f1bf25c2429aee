import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { call } from '../harness.js'

/** A connection of which every byte is seen. */
export async function dial (t: Test, url: string, localAddress = '127.0.0.1'): Promise<{ socket: Socket, text: () => string, closed: () => boolean }> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
  let text = ''
  let closed = false
  socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  socket.on('error', () => {}).on('close', () => { closed = true })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, text: () => text, closed: () => closed }
}

/** Requests, as they go over the wire. */
export const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n${headers}\r\n`
export const jsonPost = (message: string): string => {
  const body = JSON.stringify({ message })
  return `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
/** Responses that have begun in what was received. */
export const responses = (text: string): number => text.match(/HTTP\/1\.1 /g)?.length ?? 0
/** Whether no stream is open and nobody is online. */
export const nobody = async (url: string): Promise<boolean> =>
  (await call(`${url}/healthz`)).body.streams === 0 && (await call(`${url}/users`)).body.count === 0

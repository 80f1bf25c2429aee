/**
 * Text as the bytes that any number of responses share, framed once for the chunked transfer coding as well (RFC 9112 §7.1),
 * so that each of them costs one write of one buffer.
 */
export class Chunk {
  /** Its length in hexadecimal digits and a line end, the bytes, a line end. */
  readonly framed: Buffer
  readonly bytes: Buffer

  /** @returns undefined where there is nothing to say */
  static of (text: string | undefined): Chunk | undefined {
    return text === undefined ? undefined : new Chunk(text)
  }

  constructor (text: string) {
    const length = Buffer.byteLength(text)
    const head = `${length.toString(16)}\r\n`
    const end = head.length + length
    this.framed = Buffer.allocUnsafe(end + 2)
    this.framed.write(head, 'latin1')
    this.framed.write(text, head.length)
    this.framed.write('\r\n', end, 'latin1')
    this.bytes = this.framed.subarray(head.length, end)
  }
}

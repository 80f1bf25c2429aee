const LINE_END = Buffer.from('\r\n')

/**
 * Bytes that any number of responses share, framed once for the chunked transfer coding as well (RFC 9112 §7.1), so that
 * each of them costs one write of one buffer.
 */
export class Chunk {
  /** Its length in hexadecimal digits and a line end, the bytes, a line end. */
  readonly framed: Buffer
  readonly bytes: Buffer

  constructor (...parts: Buffer[]) {
    let length = 0
    for (const part of parts) length += part.length
    const head = Buffer.from(`${length.toString(16)}\r\n`, 'latin1')
    this.framed = Buffer.concat([head, ...parts, LINE_END], head.length + length + LINE_END.length)
    this.bytes = this.framed.subarray(head.length, head.length + length)
  }
}

// As much of a websocket server (RFC 6455) as it takes to talk with a page in the browser.

import { createHash } from "node:crypto";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8;

/** Bytes that come in pieces, given back in the lengths that are asked for. */
class Incoming {
  constructor() {
    this.pieces = [];
    this.length = 0;
  }

  push(piece) {
    this.pieces.push(piece);
    this.length += piece.length;
  }

  /** The first bytes, which stay; only if there are so many. */
  peek(count) {
    if (this.length < count) return undefined;
    if (this.pieces[0].length < count) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0].subarray(0, count);
  }

  skip(count) {
    this.pieces[0] = this.pieces[0].subarray(count);
    this.length -= count;
  }
}

/** The next frame, if it is there whole. */
function frame(incoming) {
  const start = incoming.peek(2);
  if (!start) return undefined;
  const masked = start[1] >> 7, short = start[1] & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const head = incoming.peek(2 + lengthBytes + masked * 4);
  if (!head) return undefined;
  const length = lengthBytes === 8 ? Number(head.readBigUInt64BE(2)) : lengthBytes === 2 ? head.readUInt16BE(2) : short;
  const whole = incoming.peek(head.length + length);
  if (!whole) return undefined;
  const payload = whole.subarray(head.length);
  if (masked) {
    const mask = whole.subarray(head.length - 4, head.length);
    for (let index = 0; index < length; index++) payload[index] ^= mask[index & 3];
  }
  incoming.skip(whole.length);
  return { last: start[0] >> 7 === 1, kind: start[0] & 0xf, payload };
}

function textFrame(text) {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 1 << 16 ? 4 : 10);
  head[0] = 0x80 | TEXT;
  if (head.length === 2) head[1] = payload.length;
  if (head.length === 4) head.writeUInt16BE(payload.length, (head[1] = 126) && 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(payload.length), (head[1] = 127) && 2);
  return Buffer.concat([head, payload]);
}

/**
 * Takes what pages connect to an HTTP server. `opened(tell)` gives how to tell the page a text;
 * `took(message)` gives what the page says, a string or a `Buffer`.
 */
export function takeConnections(server, { opened, took, closed }) {
  server.on("upgrade", (request, socket, head) => {
    const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.setNoDelay();
    const incoming = new Incoming();
    let kind, parts = [];
    const read = (piece) => {
      incoming.push(piece);
      for (let got; (got = frame(incoming)); ) {
        if (got.kind === CLOSE) return void socket.end();
        if (got.kind > BINARY) continue;
        if (got.kind !== CONTINUATION) kind = got.kind;
        parts.push(got.payload);
        if (!got.last) continue;
        const message = Buffer.concat(parts);
        parts = [];
        took(kind === TEXT ? message.toString() : message);
      }
    };
    socket.on("data", read);
    // A close follows.
    socket.on("error", () => {});
    socket.on("close", closed);
    opened((text) => socket.write(textFrame(text)));
    if (head.length) read(head);
  });
}

// Hands what was recorded in the browser to its driver, some times a second: what waits is memory that
// is billed to the browser.

const PERIOD_MS = 250;
const BATCH_BYTES = 2 << 20;

export class Outbox {
  /** `send` gets, in turn, what a batch is about, as JSON, and the batch. */
  constructor(send, failed) {
    this.send = send;
    this.failed = failed;
    this.free = [];
    this.sent = Promise.resolve();
    this.begin();
    this.timer = setInterval(() => this.flush(), PERIOD_MS);
  }

  begin() {
    this.batch = { bytes: this.free.pop() ?? new Uint8Array(BATCH_BYTES), used: 0, about: [], filled: [] };
  }

  /**
   * Room for so many bytes, which the driver gets with `about`, in the order of these calls; `fill`
   * fills them, at once or by a promise.
   */
  add(about, length, fill) {
    if (this.batch.used + length > BATCH_BYTES) this.flush();
    const { batch } = this;
    batch.about.push([...about, length]);
    const room = batch.bytes.subarray(batch.used, batch.used + length);
    // Samples of two bytes must begin at an even address.
    batch.used += length + (length & 1);
    const filled = fill(room);
    batch.filled.push(filled);
    return filled;
  }

  flush() {
    const { batch } = this;
    if (batch.about.length === 0) return;
    this.begin();
    this.sent = this.sent.then(async () => {
      await Promise.all(batch.filled);
      this.send(JSON.stringify({ type: "recorded", pieces: batch.about }));
      this.send(batch.bytes.subarray(0, batch.used));
      this.free.push(batch.bytes);
    });
    this.sent.catch(this.failed);
  }

  /** All that was added is on its way. */
  async empty() {
    clearInterval(this.timer);
    this.flush();
    await this.sent;
  }
}

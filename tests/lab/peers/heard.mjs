// What a program would have played, put in real time.

import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { Problem } from "./driver.mjs";
import { RATE, wavOf } from "./wav.mjs";

// Blocks are handed over by timers, which are late by some milliseconds and never early. What stays
// late by this much for so many blocks was a pause of the program, not of its timer.
const PAUSE_S = 0.005;
const BLOCKS = 50;
const LEAST_BLOCKS = 10;

/**
 * Where sound that was handed over in blocks belongs in time.
 *
 * `blocks`: the moment (seconds) and length (samples) of each. Gives back the moment of the first
 * sample and, where the program paused, the silence that belongs before a block: its index and samples.
 */
export function placed(blocks, rate = RATE) {
  let samples = 0;
  const late = blocks.map(([moment, length]) => {
    const value = moment - samples / rate;
    samples += length;
    return value;
  });
  const least = (from) => Math.min(...late.slice(from, from + BLOCKS));
  const start = least(0);
  const pauses = [];
  let level = start;
  for (let index = 0; index <= late.length - LEAST_BLOCKS; index++) {
    const behind = late[index] < level + PAUSE_S ? 0 : least(index) - level;
    if (behind < PAUSE_S) continue;
    const silence = Math.round(behind * rate);
    pauses.push([index, silence]);
    level += silence / rate;
  }
  return { start, pauses };
}

/**
 * One channel at 48 kHz of what a program handed over. It plays at another rate until it has decoded
 * something, silence mostly; what little it makes up before is put on straight lines. Throws a `Problem`
 * at a rate that does not go into 48 kHz.
 */
export function mono48(samples, rate, channels) {
  // All channels are the same: what was sent has one.
  const mono = channels === 1 ? samples : samples.filter((_, index) => index % channels === 0);
  if (rate === RATE) return mono;
  if (mono.every((sample) => sample === 0)) return new Int16Array(mono.length * RATE / rate);
  const times = RATE / rate;
  if (!Number.isInteger(times)) throw new Problem(`The sound was played at ${rate} Hz, which does not go into 48 kHz.`);
  return Int16Array.from({ length: mono.length * times }, (_, index) => {
    const at = Math.floor(index / times), next = Math.min(at + 1, mono.length - 1);
    return Math.round(mono[at] + (mono[next] - mono[at]) * (index / times - at));
  });
}

/** Takes blocks of sound and writes them as one file. What came so far is on disk, but for a second. */
export class Heard {
  constructor(folder) {
    this.path = join(folder, "heard.wav");
    this.partial = join(folder, "heard.part");
    this.file = openSync(this.partial, "w");
    this.blocks = [];
    this.waiting = new Int16Array(RATE);
    this.waits = 0;
  }

  /** `moment` in seconds; `samples`: an `Int16Array` of less than a second. */
  add(moment, samples) {
    this.blocks.push([moment, samples.length]);
    if (this.waits + samples.length > this.waiting.length) this.flush();
    this.waiting.set(samples, this.waits);
    this.waits += samples.length;
  }

  flush() {
    writeSync(this.file, this.waiting.subarray(0, this.waits));
    this.waits = 0;
  }

  /** Writes the file. Gives back the moment of its first sample, if it has one, and its pauses. */
  finish() {
    this.flush();
    const { start, pauses } = placed(this.blocks);
    const bytes = readFileSync(this.partial);
    const pieces = [];
    let position = 0, block = 0;
    for (const [index, silence] of [...pauses, [this.blocks.length, 0]]) {
      let length = 0;
      for (; block < index; block++) length += this.blocks[block][1];
      pieces.push(bytes.subarray(position, (position += length * 2)), Buffer.alloc(silence * 2));
    }
    const whole = new Uint8Array(Buffer.concat(pieces));
    writeFileSync(this.path, wavOf(new Int16Array(whole.buffer, 0, whole.length / 2)));
    this.discard();
    return { start: this.blocks.length ? start : undefined, pauses };
  }

  /** Removes what is not a whole recording; does nothing after `finish`. */
  discard() {
    if (this.file === undefined) return;
    closeSync(this.file);
    unlinkSync(this.partial);
    this.file = undefined;
  }
}

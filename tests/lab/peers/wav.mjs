// Sound files as the lab has them: 48 kHz, mono, 16 bits.

import { readFileSync } from "node:fs";

import { Problem } from "./driver.mjs";

export const RATE = 48_000;
const HEADER_BYTES = 44;

/** The samples of a WAV file. Throws a `Problem` for any other kind of file. */
export function readWav(path) {
  let file;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new Problem(`The sound file ${path} cannot be read: ${error.code === "ENOENT" ? "there is no such file" : error.message}.`);
  }
  const bad = (reason) => new Problem(`The sound file ${path} is not what the lab plays: ${reason}.`);
  if (file.toString("latin1", 0, 4) !== "RIFF" || file.toString("latin1", 8, 12) !== "WAVE") throw bad("it is no WAV file");
  let format, position = 12;
  while (position + 8 <= file.length) {
    const name = file.toString("latin1", position, position + 4);
    const bytes = file.readUInt32LE(position + 4);
    const start = position + 8;
    if (start + bytes > file.length) throw bad("it ends too early");
    if (name === "fmt ") {
      if (bytes < 16) throw bad("its format is cut off");
      format = [file.readUInt16LE(start), file.readUInt16LE(start + 2), file.readUInt32LE(start + 4), file.readUInt16LE(start + 14)];
    }
    if (name === "data") {
      if (format?.join() !== [1, 1, RATE, 16].join()) throw bad("it has to have 48 kHz, one channel and 16 bits");
      const sound = file.subarray(start, start + (bytes & ~1));
      // Samples of two bytes must begin at an even address. Memory is counted: no copy where they do.
      const even = sound.byteOffset % 2 === 0 ? sound : new Uint8Array(sound);
      return new Int16Array(even.buffer, even.byteOffset, even.length / 2);
    }
    // Chunks begin at even positions.
    position = start + bytes + (bytes & 1);
  }
  throw bad("it has no sound in it");
}

/** A whole WAV file of these samples, to be written. */
export function wavOf(samples) {
  const header = Buffer.alloc(HEADER_BYTES);
  const bytes = samples.length * 2;
  header.write("RIFF", 0);
  header.writeUInt32LE(HEADER_BYTES - 8 + bytes, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(bytes, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, bytes)]);
}

// Films as the lab has them: Y4M, 4:2:0, a number burnt into every picture.

import { closeSync, fstatSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";

import { Problem } from "./driver.mjs";
import { numberIn, stripRows } from "./strip.mjs";

const FRAME = Buffer.from("FRAME\n");
const HEADER_BYTES = 256;

const bytesOf = (width, height) => width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);

/** Width, height, pictures a second, count of pictures and first number of a film. */
export function readFilm(path) {
  const bad = (reason) => new Problem(`The film ${path} cannot be used: ${reason}.`);
  let file;
  try {
    file = openSync(path, "r");
    const start = Buffer.alloc(HEADER_BYTES);
    const header = start.toString("latin1", 0, readSync(file, start, 0, HEADER_BYTES, 0)).split("\n")[0];
    const [, width, height] = /^YUV4MPEG2 .*?W(\d+) H(\d+)/.exec(header)?.map(Number) ?? [];
    const [, numerator, denominator] = / F(\d+):(\d+)/.exec(header)?.map(Number) ?? [];
    if (!width || !height || !numerator || !denominator) throw bad("it is no Y4M file");
    const count = Math.floor((fstatSync(file).size - header.length - 1) / (FRAME.length + bytesOf(width, height)));
    if (count < 1) throw bad("it has no picture in it");
    const [row, rows] = stripRows(width);
    const luma = Buffer.alloc(width * rows);
    readSync(file, luma, 0, luma.length, header.length + 1 + FRAME.length + row * width);
    const first = numberIn(luma, width, rows);
    if (first === undefined) throw bad("its first picture has no number in it");
    return { width, height, rate: numerator / denominator, header, count, first };
  } catch (error) {
    throw error instanceof Problem ? error : bad(error.code === "ENOENT" ? "there is no such file" : error.message);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** One plane in another size, bilinearly. */
function scaled(plane, width, height, toWidth, toHeight) {
  const result = new Uint8Array(toWidth * toHeight);
  for (let y = 0; y < toHeight; y++) {
    const atY = Math.min(Math.max((y + 0.5) * height / toHeight - 0.5, 0), height - 1);
    const top = Math.floor(atY), down = atY - top, next = Math.min(top + 1, height - 1);
    for (let x = 0; x < toWidth; x++) {
      const atX = Math.min(Math.max((x + 0.5) * width / toWidth - 0.5, 0), width - 1);
      const left = Math.floor(atX), along = atX - left, right = Math.min(left + 1, width - 1);
      const above = plane[top * width + left] * (1 - along) + plane[top * width + right] * along;
      const below = plane[next * width + left] * (1 - along) + plane[next * width + right] * along;
      result[y * toWidth + x] = Math.round(above * (1 - down) + below * down);
    }
  }
  return result;
}

/** Writes pictures of any size as a film of one size. */
export class Seen {
  constructor(path, { width, height, header }) {
    this.size = [width, height];
    this.path = path;
    this.file = openSync(path, "w");
    writeSync(this.file, `${header}\n`);
  }

  /** `picture`: the three planes of I420, one after the other. */
  add(picture, width, height) {
    if (picture.length !== bytesOf(width, height)) throw new Problem("Chromium showed a picture of another format than I420.");
    writeSync(this.file, FRAME);
    const [toWidth, toHeight] = this.size;
    if (width === toWidth && height === toHeight) return void writeSync(this.file, picture);
    const half = (length) => Math.ceil(length / 2);
    let position = 0;
    for (const part of [(length) => length, half, half]) {
      const [from, to] = [[part(width), part(height)], [part(toWidth), part(toHeight)]];
      const plane = picture.subarray(position, (position += from[0] * from[1]));
      writeSync(this.file, scaled(plane, ...from, ...to));
    }
  }

  finish() {
    closeSync(this.file);
    this.file = undefined;
  }

  /** Removes what is not a whole recording; does nothing after `finish`. */
  discard() {
    if (this.file === undefined) return;
    closeSync(this.file);
    unlinkSync(this.path);
    this.file = undefined;
  }
}

// Checks of what the drivers reckon with, on known signals: `node --test check.mjs`.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { unixOfMonotonicZero } from "./clock.mjs";
import { Heard, mono48, placed } from "./heard.mjs";
import { placeInFile } from "./microphone.mjs";
import { payloadTypes, statistics } from "./report.mjs";
import { numberIn, stripRows } from "./strip.mjs";
import { RATE, readWav, wavOf } from "./wav.mjs";
import { Seen, readFilm } from "./y4m.mjs";

const folder = mkdtempSync(join(tmpdir(), "twocan-lab-check-"));
after(() => rmSync(folder, { recursive: true }));

// The same numbers in every run (a linear congruential generator), from -1 to 1.
let state = 1;
const noise = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 31 - 1;

// Blocks of 10 ms, each late by up to 4 ms and never early; a pause before the block `pauseAt`.
const blocks = (count, pauseAt, pause) => Array.from({ length: count }, (_, index) =>
  [7 + index / 100 + (index < pauseAt ? 0 : pause) + (index % 10 === 3 ? 0 : Math.abs(noise()) * 0.004), 480]);

// A picture's luma with a number in its strip, as `burn` of tests/lab/measure/film.py paints it.
function numbered(width, height, number) {
  const luma = new Uint8Array(width * height).fill(90);
  const bits = number << 8 | (~((number >> 8) ^ number) & 0xff);
  for (let row = 0; row < Math.floor(width / 24); row++) {
    for (let column = 0; column < width; column++) {
      luma[row * width + column] = bits >> (23 - Math.floor(column * 24 / width)) & 1 ? 235 : 16;
    }
  }
  return luma;
}

const read = (luma, width) => {
  const [row, rows] = stripRows(width);
  return numberIn(luma.subarray(row * width), width, rows);
};

test("late blocks are no pause, and a pause is found where and as long as it was", () => {
  const still = placed(blocks(1000, 1000, 0));
  assert.ok(Math.abs(still.start - 7) < 1e-6);
  assert.deepEqual(still.pauses, []);

  // Whether the very last were late or paused cannot be told.
  assert.deepEqual(placed(blocks(1000, 995, 0.03)).pauses, []);

  const { start, pauses } = placed(blocks(1000, 400, 0.03));
  assert.ok(Math.abs(start - 7) < 1e-6);
  assert.equal(pauses.length, 1);
  assert.ok(Math.abs(pauses[0][0] - 400) <= 1 && Math.abs(pauses[0][1] - 0.03 * RATE) <= 1, `${pauses}`);
});

test("a recording is in real time, with silence where the program paused", () => {
  const heard = new Heard(folder);
  for (const [moment, length] of blocks(300, 100, 0.05)) heard.add(moment, new Int16Array(length).fill(1000));
  const { start, pauses } = heard.finish();
  assert.ok(Math.abs(start - 7) < 1e-6);
  const sound = readWav(join(folder, "heard.wav"));
  assert.equal(sound.length, 300 * 480 + pauses[0][1]);
  const silent = sound.indexOf(0);
  assert.ok(Math.abs(silent - 100 * 480) <= 480);
  assert.ok(sound.subarray(silent, silent + pauses[0][1]).every((sample) => sample === 0));
  assert.ok(sound.subarray(silent + pauses[0][1]).every((sample) => sample === 1000));
});

test("one channel is taken of two, silence has any rate, and other sound one that goes into 48 kHz", () => {
  assert.deepEqual([...mono48(Int16Array.of(1, 2, 3, 4), RATE, 2)], [1, 3]);
  assert.equal(mono48(new Int16Array(160), 16_000, 1).length, 480);
  assert.equal(mono48(new Int16Array(441), 44_100, 1).length, 480);
  assert.deepEqual([...mono48(Int16Array.of(30, 60, 0), 16_000, 1)], [30, 40, 50, 60, 40, 20, 0, 0, 0]);
  assert.throws(() => mono48(new Int16Array(441).fill(1), 44_100, 1), /44100 Hz/);
});

test("the place of a microphone in its file is found to a fifth of a sample", () => {
  // Slow enough noise for both rates; the microphone has it at 44.1 kHz, weaker, with noise of its own.
  const tones = Array.from({ length: 200 }, () => [50 + Math.abs(noise()) * 8000, noise() * Math.PI]);
  const at = (time) => tones.reduce((sum, [hertz, phase]) => sum + Math.sin(2 * Math.PI * hertz * time + phase), 0) * 100;
  const file = Float32Array.from({ length: 3 * RATE }, (_, index) => at(index / RATE));
  for (const place of [0, 960, 12_345.4]) {
    const captured = Float32Array.from({ length: 26_460 }, (_, index) => at(place / RATE + index / 44_100) / 2 + noise() * 20);
    const found = placeInFile(captured, 44_100, file);
    assert.ok(Math.abs(found - place) < 0.2, `${found} instead of ${place}`);
  }
  const other = Float32Array.from({ length: 26_460 }, () => noise() * 1000);
  assert.throws(() => placeInFile(other, 44_100, file), /not in the sound file/);
});

test("numbers are read in pictures of every size that a call has, and not where there are none", () => {
  for (const [width, height] of [[640, 360], [480, 270], [320, 180], [1280, 720]]) {
    for (const number of [0, 1, 599, 10_000, 10_599, 65_535]) {
      assert.equal(read(numbered(width, height, number), width), number, `${number} at ${width}`);
    }
    assert.equal(read(new Uint8Array(width * height).fill(90), width), undefined);
  }
});

test("pictures of every size are kept in the film's own", () => {
  const film = { width: 640, height: 360, header: "YUV4MPEG2 W640 H360 F30:1 Ip A1:1 C420jpeg" };
  const path = join(folder, "seen.y4m");
  const seen = new Seen(path, film);
  for (const [number, [width, height]] of [[640, 360], [320, 180], [480, 270]].entries()) {
    const chroma = (width / 2) * Math.ceil(height / 2);
    seen.add(Buffer.concat([numbered(width, height, number), Buffer.alloc(chroma, 40), Buffer.alloc(chroma, 200)]), width, height);
  }
  seen.finish();
  const { count, first, rate } = readFilm(path);
  assert.deepEqual([count, first, rate], [3, 0, 30]);
  const bytes = readFileSync(path).subarray(film.header.length + 1);
  for (let number = 0; number < 3; number++) {
    const picture = bytes.subarray(number * (6 + 640 * 540) + 6);
    assert.equal(read(picture, 640), number);
    assert.deepEqual([picture[640 * 200], picture[640 * 360 + 5], picture[640 * 450 + 5]], [90, 40, 200]);
  }
});

test("sound and films that are none are refused with a sentence", () => {
  const path = join(folder, "bad");
  for (const bytes of [Buffer.alloc(0), Buffer.from("RIFF"), wavOf(new Int16Array(9)).subarray(0, 50)]) {
    writeFileSync(path, bytes);
    assert.throws(() => readWav(path), /is not what the lab plays/);
    assert.throws(() => readFilm(path), /cannot be used/);
  }
  const stereo = wavOf(new Int16Array(8));
  stereo.writeUInt16LE(2, 22);
  writeFileSync(path, stereo);
  assert.throws(() => readWav(path), /one channel/);
});

test("figures have the names of the standard, in snake_case, of what they are about", () => {
  const found = statistics([
    { id: "i", type: "inbound-rtp", kind: "audio", timestamp: 9, jitterBufferDelay: 1.5, packetsReceivedWithEct1: 2, mid: "0" },
    { id: "t", type: "transport", selectedCandidatePairId: "p" },
    { id: "q", type: "candidate-pair", currentRoundTripTime: 9 },
    { id: "p", type: "candidate-pair", currentRoundTripTime: 0.1 },
  ]);
  assert.deepEqual(found, {
    audio_inbound: { jitter_buffer_delay: 1.5, packets_received_with_ect1: 2 },
    candidate_pair: { current_round_trip_time: 0.1 },
  });
  const sdp = "v=0\r\nm=audio 9 X 111\r\na=rtpmap:111 opus/48000/2\r\nm=video 9 X 97\r\na=rtpmap:97 rtx/90000\r\n";
  assert.deepEqual(payloadTypes(sdp), { 111: "audio/opus", 97: "video/rtx" });
});

test("the two clocks are put together to a fraction of a millisecond", () => {
  const [one, other] = [unixOfMonotonicZero(), unixOfMonotonicZero()];
  assert.ok(Math.abs(one - other) < 0.0005);
  assert.ok(Math.abs(one + Number(process.hrtime.bigint()) / 1e9 - Date.now() / 1000) < 0.01);
});

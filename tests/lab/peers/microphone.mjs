// Finds where in its file a fake microphone was. It plays the file at a rate of its own, from a moment
// that it does not tell.

import { Problem } from "./driver.mjs";
import { RATE } from "./wav.mjs";

const TAPS = 16;
// The first of what was captured begins within so much of the file.
const SEARCHED_S = 2;
const COARSE = RATE / 20;
const LEAST_LIKENESS = 0.6;

/** Samples at 48 kHz, by windowed sinc. */
function at48(samples, rate) {
  const step = rate / RATE;
  const result = new Float32Array(Math.floor((samples.length - 1) / step));
  for (let index = 0; index < result.length; index++) {
    const position = index * step, middle = Math.floor(position);
    let sum = 0;
    for (let tap = Math.max(0, middle - TAPS + 1); tap <= Math.min(samples.length - 1, middle + TAPS); tap++) {
      const away = position - tap;
      const sinc = away === 0 ? 1 : Math.sin(Math.PI * away) / (Math.PI * away);
      sum += samples[tap] * sinc * (0.5 + 0.5 * Math.cos(Math.PI * away / (TAPS + 1)));
    }
    result[index] = sum;
  }
  return result;
}

/** How alike a piece and the file from a sample on are: -1 to 1. */
function likeness(piece, file, from) {
  let both = 0, one = 0, other = 0;
  for (let index = 0; index < piece.length; index++) {
    const sample = file[from + index] ?? 0;
    both += piece[index] * sample;
    one += piece[index] ** 2;
    other += sample ** 2;
  }
  return both / Math.sqrt(one * other || 1);
}

/** At which sample of `file` what was captured begins, as a fraction. */
export function placeInFile(captured, rate, file) {
  const sound = at48(captured, rate);
  // The resamplers have to run in.
  const skipped = sound.length - COARSE * 4;
  const [coarse, fine] = [sound.subarray(skipped, skipped + COARSE), sound.subarray(skipped)];
  let best = [-1, 0];
  for (let from = 0; from < SEARCHED_S * RATE; from++) {
    const value = likeness(coarse, file, from);
    if (value > best[0]) best = [value, from];
  }
  const at = best[1];
  const [before, here, after] = [at - 1, at, at + 1].map((from) => likeness(fine, file, from));
  if (!(here > LEAST_LIKENESS)) throw new Problem("What Chromium's microphone captured is not in the sound file that it was given.");
  // The top of a parabola through three points.
  const between = (before - after) / (2 * (before - 2 * here + after) || 1);
  return at + Math.max(-1, Math.min(1, between)) - skipped;
}

// The two clocks of a call: what is measured here is told by the monotonic one, in seconds since some
// moment before (the same for all programs of this machine); what is written is told by the system's.

import { Problem } from "./driver.mjs";

/** Seconds of the monotonic clock. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e9;

/**
 * The Unix time at which the monotonic clock stood at zero, in seconds, right to some microseconds.
 * The system's clock is told to JavaScript in milliseconds, so its tick is awaited. Being interrupted
 * between the two readings makes the result too small, never too large.
 */
export function unixOfMonotonicZero() {
  let best = -Infinity;
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = Date.now();
    let now = before;
    while (now === before) now = Date.now();
    best = Math.max(best, now / 1000 - monotonic());
  }
  return best;
}

// What a clock that is gently set right moves within a call is less.
const STEADY_S = 0.001;

/** Throws a `Problem` if the system's clock went its own way since `unixOfZero` was taken. */
export function checkSteady(unixOfZero) {
  const moved = unixOfMonotonicZero() - unixOfZero;
  if (Math.abs(moved) > STEADY_S) {
    throw new Problem(`The system's clock was set during the call, by ${(moved * 1000).toFixed(1)} ms: its moments mean nothing.`);
  }
}

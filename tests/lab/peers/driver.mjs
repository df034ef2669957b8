// What every driver of a program has in common: JSON lines from the lab on standard input, JSON lines
// to it on standard output, sentences for people on standard error; and an end that leaves nothing.

import { createInterface } from "node:readline";

/** What makes the call worthless, as a sentence for a person. */
export class Problem extends Error {}

export const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

/**
 * Carries out what the lab says by `steps[type](message)`, one after the other, until standard input
 * or the program ends; then `tidy()`.
 */
export function drive(steps, tidy) {
  let ending = false, prepared = false;
  const end = async (code) => {
    if (ending) return;
    ending = true;
    try {
      await tidy();
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
      code ||= 1;
    }
    process.exit(code);
  };
  const fail = (error) => {
    // What is asked of a program that is being closed may fail.
    if (ending) return;
    const sentence = error instanceof Problem ? error.message : `Something unforeseen went wrong: ${error.message}`;
    process.stderr.write(`${error instanceof Problem ? sentence : error.stack}\n`);
    say({ type: "problem", sentence });
    end(1);
  };

  process.on("SIGINT", () => end(130));
  process.on("SIGTERM", () => end(143));
  process.on("uncaughtException", fail);
  // Nobody reads any more: there is nobody to tell.
  process.stdout.on("error", () => end(1));

  const carryOut = async (line) => {
    if (ending) return;
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      throw new Problem("The lab sent a line that is not JSON.");
    }
    const type = message?.type;
    if (!Object.hasOwn(steps, type)) throw new Problem(`The lab sent a message of an unknown type: ${JSON.stringify(type)}.`);
    if ((type === "prepare") === prepared) {
      throw new Problem(prepared ? "The lab prepared the same call twice." : `The lab said ${type} before prepare.`);
    }
    prepared = true;
    await steps[type](message);
  };
  let carriedOut = Promise.resolve();
  createInterface({ input: process.stdin })
    .on("line", (line) => (carriedOut = carriedOut.then(() => carryOut(line)).catch(fail)))
    // Whatever is still being done is of no use to anyone.
    .on("close", () => end(0));
  return { fail };
}

// A call between two drivers on this machine, with no line between them, to check the drivers:
//
//   node pair.mjs LEFT RIGHT SECONDS STIMULI FOLDER
//
// LEFT and RIGHT: chromium, chromium-voice (without a camera) or libwebrtc.
// STIMULI has speech.wav, clicks.wav and, for pictures, film-left.y4m and film-right.y4m.

import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [left, right, seconds, stimuli, folder] = process.argv.slice(2);
if (!folder) {
  process.stderr.write("node pair.mjs LEFT RIGHT SECONDS STIMULI FOLDER\n");
  process.exit(2);
}

function begin(name, side, sound, film) {
  const program = name.split("-")[0];
  const script = fileURLToPath(new URL(`./${program}.mjs`, import.meta.url));
  const process_ = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map();
  const peer = {
    tell: (message) => process_.stdin.write(JSON.stringify(message) + "\n"),
    // The first message of this type, and of this state.
    hears: (type, state) => new Promise((heard) => waiting.set(`${type} ${state ?? ""}`, heard)),
    ended: new Promise((ended) => process_.on("exit", ended)),
    end: () => process_.stdin.end(),
    other: undefined,
  };
  createInterface({ input: process_.stdout }).on("line", (line) => {
    const message = JSON.parse(line);
    if (["description", "candidate"].includes(message.type)) peer.other.tell(message);
    if (message.type === "problem" || message.state === "failed") {
      process.stderr.write(`${side}: ${message.sentence ?? "no way was found"}\n`);
      process.exitCode = 1;
      peer.end();
      peer.other.end();
    }
    waiting.get(`${message.type} ${message.state ?? ""}`)?.(message);
  });
  peer.ready = peer.hears("ready");
  peer.connected = peer.hears("connection", "connected");
  peer.finished = peer.hears("finished");
  peer.tell({
    type: "prepare",
    folder: resolve(folder, side),
    microphone: resolve(stimuli, sound),
    camera: name === "chromium" ? resolve(stimuli, film) : null,
  });
  return peer;
}

const one = begin(left, "left", "speech.wav", "film-left.y4m");
const two = begin(right, "right", "clicks.wav", "film-right.y4m");
one.other = two;
two.other = one;
const both = (name) => Promise.all([one[name], two[name]]);

async function call() {
  for (const { program, version, pid } of await both("ready")) {
    process.stdout.write(`${program} ${version}, process ${pid}\n`);
  }
  two.tell({ type: "start", offer: false });
  one.tell({ type: "start", offer: true });
  await both("connected");
  await new Promise((passed) => setTimeout(passed, Number(seconds) * 1000));
  one.tell({ type: "finish" });
  two.tell({ type: "finish" });
  await both("finished");
  one.end();
  two.end();
}

call();
const codes = await both("ended");
if (codes.some((code) => code !== 0)) process.exitCode = 1;
process.stdout.write(`left ended with ${codes[0]}, right with ${codes[1]}: ${join(folder)}\n`);
process.exit();

// Chromium as a participant of a lab's call: the browser that people have, without a screen or a graphics
// card, fed from files by its own fake devices, recorded in its page (page.mjs). What the recording costs the
// browser is billed to it.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

import { checkSteady, unixOfMonotonicZero } from "./clock.mjs";
import { Problem, drive, say } from "./driver.mjs";
import { Heard, mono48, placed } from "./heard.mjs";
import { placeInFile } from "./microphone.mjs";
import { payloadTypes, statistics, writeSide } from "./report.mjs";
import { RATE, readWav } from "./wav.mjs";
import { takeConnections } from "./websocket.mjs";
import { Seen, readFilm } from "./y4m.mjs";

const PROGRAM = process.env.TWOCAN_CHROMIUM ?? "/usr/bin/chromium";
// 10 ms each, of what the microphone captured first.
const LEAST_BLOCKS = 30;
const OPENING_MS = 30_000;
const CLOSING_MS = 3000;

const moments = {};
const captured = { pieces: [], rate: undefined };
let call, unixOfZero, heard, seen, film, sound;
let temporary, server, launching, browser, debug, root;
// The page: how to talk to it, what is awaited of it, when its clock began.
let tellPage, pageOpened, stepDone, announced, pageZero;

const fromPage = (milliseconds) => pageZero + milliseconds / 1000;
const unix = (moment) => (moment + unixOfZero).toFixed(6);

// What the page recorded, piece by piece.
const takes = {
  heard(bytes, moment, length, rate) {
    heard.add(fromPage(moment), mono48(samplesOf(bytes), rate, 1));
  },
  seen(bytes, width, height) {
    seen.add(bytes, width, height);
  },
  spoken(bytes, moment, length, rate) {
    captured.rate = rate;
    captured.pieces.push(samplesOf(bytes));
  },
};

// A copy, because samples of two bytes must begin at an even address.
const samplesOf = (bytes) => new Int16Array(new Uint8Array(bytes).buffer);

const script = (name) => ({ type: "text/javascript", text: readFileSync(new URL(name, import.meta.url)) });
const files = {
  "/": {
    type: "text/html",
    text: "<!doctype html><title>Twocan</title><video autoplay playsinline></video><script type=module src=/page.mjs></script>",
  },
  "/page.mjs": script("./page.mjs"),
  "/outbox.mjs": script("./outbox.mjs"),
  "/strip.mjs": script("./strip.mjs"),
};

// Cameras and microphones are only given to pages of a secure origin, which localhost is.
async function serve() {
  server = createServer((request, response) => {
    const file = files[new URL(request.url, "http://localhost").pathname];
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": file.type }).end(file.text);
  });
  takeConnections(server, {
    opened: (tell) => (tellPage = (message) => tell(JSON.stringify(message))),
    took: (message) => {
      try {
        typeof message === "string" ? hear(JSON.parse(message)) : take(message);
      } catch (error) {
        fail(error);
      }
    },
    closed: () => fail(new Problem("Chromium's page ended by itself.")),
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://localhost:${server.address().port}/`;
}

async function launch() {
  if (!existsSync(PROGRAM)) throw new Problem(`There is no Chromium at ${PROGRAM}.`);
  launching = chromium.launch({
    executablePath: PROGRAM,
    // Ours is kept to; playwright waits for a browser that hangs to close politely.
    timeout: 0,
    // Who ends this program ends the browser by it.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    // Sound is to be played as for a person, and memory shared as for a person.
    ignoreDefaultArgs: ["--mute-audio", "--disable-dev-shm-usage"],
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      // Nothing of its own is to be on the line, not even the search for names.
      "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", "--disable-component-update", "--disable-sync",
      "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
      // Once: a file that began again would spoil a comparison. At its end the device repeats the last 10 ms.
      `--use-file-for-fake-audio-capture=${join(temporary, "microphone.wav")}%noloop`,
      ...(film ? [`--use-file-for-fake-video-capture=${join(temporary, "camera.y4m")}`] : []),
      // An output that plays to nobody, in real time, whether this machine has a speaker or not.
      "--disable-audio-output",
      "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
  const enough = inTime("start");
  try {
    browser = await launching;
  } catch (error) {
    const [first] = error.message.split("\n");
    const cause = /has been closed/.test(first) ? "it ended at once" : first.replace(/^.*?: (Failed to launch: (Error: )?)?/, "");
    throw new Problem(`Chromium (${PROGRAM}) does not start: ${cause}.`);
  }
  enough();
  browser.on("disconnected", () => fail(new Problem("Chromium ended by itself.")));
  debug = await browser.newBrowserCDPSession();
  const { processInfo } = await debug.send("SystemInfo.getProcessInfo");
  root = processInfo.find(({ type }) => type === "browser").id;
}

/** Ends the program if Chromium takes too long for something. Gives back how to say that it is done. */
function inTime(what) {
  const late = setTimeout(() => fail(new Problem(`Chromium (${PROGRAM}) did not ${what} within ${OPENING_MS / 1000} seconds.`)), OPENING_MS);
  return () => clearTimeout(late);
}

/** Opens the page, without the debugger in it. Gives back the Unix milliseconds that its clock counts from. */
async function openPage(url) {
  const opened = new Promise((loaded) => (pageOpened = loaded));
  await debug.send("Target.createTarget", { url });
  const enough = inTime("open its page");
  const origin = await opened;
  enough();
  return origin;
}

function hear(message) {
  const { type } = message;
  if (type === "recorded") announced = message.pieces;
  else if (type === "opened") pageOpened(message.origin);
  else if (type === "done") stepDone(message.result);
  else if (type === "failed") fail(new Problem(`Chromium could not go on: ${message.reason}.`));
  else if (type === "connection") {
    const { state, moment } = message;
    if (state === "connected") moments.connected ??= fromPage(moment);
    say({ type, state });
  } else say(message);
}

/** Takes a batch of what was recorded. */
function take(bytes) {
  let position = 0;
  for (const [kind, ...about] of announced) {
    const length = about.pop();
    takes[kind](bytes.subarray(position, position + length), ...about);
    // As outbox.mjs lays it out.
    position += length + (length & 1);
  }
}

/** Carries out a step in the page. Gives back its result; whatever fails there ends the program. */
function inPage(message) {
  return new Promise((done) => {
    stepDone = done;
    tellPage(message);
  });
}

const steps = {
  async prepare(message) {
    call = message.folder;
    mkdirSync(call, { recursive: true });
    sound = readWav(message.microphone);
    film = message.camera && readFilm(message.camera);
    unixOfZero = unixOfMonotonicZero();
    heard = new Heard(call);
    if (film) seen = new Seen(join(call, "seen.y4m"), film);

    // All that the browser and its driver keep for themselves. The names of the files given to it are
    // simple here, whatever they are elsewhere: a % would mean something to it.
    temporary = mkdtempSync(join(tmpdir(), "twocan-lab-chromium-"));
    process.env.TMPDIR = temporary;
    symlinkSync(resolve(message.microphone), join(temporary, "microphone.wav"));
    if (film) symlinkSync(resolve(message.camera), join(temporary, "camera.y4m"));
    const address = await serve();
    await launch();
    pageZero = (await openPage(address)) / 1000 - unixOfZero;
    const { fingerprint } = await inPage({ type: "prepare", film });
    say({ type: "ready", program: "Chromium", version: browser.version(), pid: root, fingerprint });
  },
  async start(message) {
    await inPage(message);
  },
  description: inPage,
  candidate: inPage,
  async finish(message) {
    const { reports, spoken, filmed, shown, sdp } = await inPage(message);
    checkSteady(unixOfZero);
    const { start } = heard.finish();
    moments.speaker = start;
    writeSpoken(spoken);
    if (film) {
      seen.finish();
      writeFilmed(filmed);
      writeShown(shown);
    }
    writeSide(call, {
      program: "Chromium",
      version: browser.version(),
      moments,
      unixOfZero,
      statistics: statistics(reports),
      payload_types: payloadTypes(sdp),
    });
    say({ type: "finished" });
  },
};

/**
 * Tells when the microphone was where in its file (spoken.csv: the moment at which a sample was due): in
 * one line, or in more if the device fell behind, which it does not catch up.
 */
function writeSpoken(spoken) {
  if (captured.pieces.length < LEAST_BLOCKS) throw new Problem("The call was too short to find Chromium's microphone in its sound file.");
  const whole = Float32Array.from(captured.pieces.flatMap((piece) => [...piece]));
  const blocks = spoken.map(([moment, length]) => [fromPage(moment), length]);
  const { start, pauses } = placed(blocks, captured.rate);
  const first = placeInFile(whole, captured.rate, sound);
  moments.microphone = start - first / RATE;
  let paused = 0;
  const lines = [[0, 0], ...pauses].map(([index, silence]) => {
    paused += silence;
    const samples = blocks.slice(0, index).reduce((sum, [, length]) => sum + length, 0);
    const moment = start + (samples + paused) / captured.rate;
    return `${unix(moment)},${Math.round(first + samples / captured.rate * RATE)}\n`;
  });
  writeFileSync(join(call, "spoken.csv"), `spoken_s,sample\n${lines.join("")}`);
}

/** When each picture was taken (filmed.csv): a camera that fell behind does not catch up either. */
function writeFilmed(filmed) {
  const lines = filmed.map(([moment, number]) => `${unix(moment)},${number ?? ""}\n`);
  writeFileSync(join(call, "filmed.csv"), `filmed_s,number\n${lines.join("")}`);
  // The camera is late by its timer, never early.
  const zeros = filmed.slice(0, film.rate).filter(([, number]) => number !== null)
    .map(([moment, number]) => moment - (number - film.first) / film.rate);
  if (zeros.length) moments.camera = Math.min(...zeros);
}

function writeShown(shown) {
  const lines = shown.map(([moment, number, picture]) => `${unix(fromPage(moment))},${number ?? ""},${picture ?? ""}\n`);
  writeFileSync(join(call, "shown.csv"), `shown_s,number,picture\n${lines.join("")}`);
}

async function tidy() {
  const late = new Promise((passed) => setTimeout(passed, CLOSING_MS, "late"));
  // One that is still starting by then is ended by playwright's own hook on the end of this program.
  await Promise.race([launching?.catch(() => {}), late]);
  try {
    if (browser && (await Promise.race([browser.close(), late])) === "late" && root) process.kill(root, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if (error.code !== "ESRCH") throw error;
  } finally {
    server?.close();
    heard?.discard();
    seen?.discard();
    if (temporary) rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

const { fail } = drive(steps, tidy);

// libwebrtc without a browser around it as a participant of a lab's call, of sound only: the native
// build in @roamhq/wrtc. Its cost is this process, with the feeding and recording of the sound.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { checkSteady, monotonic, unixOfMonotonicZero } from "./clock.mjs";
import { Problem, drive, say } from "./driver.mjs";
import { Heard, mono48 } from "./heard.mjs";
import { payloadTypes, statistics, writeSide } from "./report.mjs";
import { RATE, readWav } from "./wav.mjs";

const require = createRequire(import.meta.url);
const { MediaStream, RTCPeerConnection, nonstandard } = require("@roamhq/wrtc");
const version = JSON.parse(readFileSync(require.resolve("@roamhq/wrtc/package.json"))).version;

const BLOCK = RATE / 100;
const BLOCK_S = BLOCK / RATE;

const moments = {};
let unixOfZero, folder, connection, heard, sink, feeding;

/**
 * Plays `sound` once into `source`, then silence: a block at each full 10 ms from now on, when the
 * first of its samples is due. A timer that is late makes a block late, never the ones after it.
 */
function feed(source, sound) {
  const start = monotonic();
  let block = 0;
  const next = () => {
    while (monotonic() >= start + block * BLOCK_S) {
      const samples = new Int16Array(BLOCK);
      samples.set(sound.subarray(block * BLOCK, (block + 1) * BLOCK));
      source.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: BLOCK });
      block += 1;
    }
    feeding = setTimeout(next, Math.max(0, (start + block * BLOCK_S - monotonic()) * 1000));
  };
  next();
  return start;
}

const steps = {
  async prepare(message) {
    if (message.camera) throw new Problem("libwebrtc takes part in calls of sound only; it was given a camera.");
    folder = message.folder;
    mkdirSync(folder, { recursive: true });
    const sound = readWav(message.microphone);
    unixOfZero = unixOfMonotonicZero();

    connection = new RTCPeerConnection();
    // As Twocan has it, so that any two peers of the lab agree.
    connection.createDataChannel("control", { negotiated: true, id: 1000 });
    connection.onconnectionstatechange = () => {
      const state = connection.connectionState;
      if (state === "connected") moments.connected ??= monotonic();
      say({ type: "connection", state });
    };
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && say({
      type: "candidate",
      candidate: {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
      },
    });
    heard = new Heard(folder);
    connection.ontrack = ({ track }) => {
      sink = new nonstandard.RTCAudioSink(track);
      sink.ondata = ({ samples, sampleRate, channelCount }) => heard.add(monotonic(), mono48(samples, sampleRate, channelCount));
    };
    const source = new nonstandard.RTCAudioSource();
    const track = source.createTrack();
    connection.addTrack(track, new MediaStream([track]));
    const fingerprint = await fingerprintOf(connection);
    moments.microphone = feed(source, sound);
    say({
      type: "ready",
      program: "libwebrtc",
      version: `M106 (@roamhq/wrtc ${version})`,
      pid: process.pid,
      fingerprint,
    });
  },
  async start({ offer }) {
    if (offer) await describe("offer");
  },
  async description({ kind, sdp }) {
    await connection.setRemoteDescription({ type: kind, sdp });
    if (kind === "offer") await describe("answer");
  },
  async candidate({ candidate }) {
    await connection.addIceCandidate({
      candidate: candidate.candidate,
      sdpMid: candidate.sdp_mid,
      sdpMLineIndex: candidate.sdp_m_line_index,
    });
  },
  async finish() {
    sink?.stop();
    const reports = [...(await connection.getStats()).values()];
    checkSteady(unixOfZero);
    const { start } = heard.finish();
    moments.speaker = start;
    writeSide(folder, {
      program: "libwebrtc",
      version: `M106 (@roamhq/wrtc ${version})`,
      moments,
      unixOfZero,
      statistics: statistics(reports),
      payload_types: payloadTypes(connection.localDescription?.sdp ?? ""),
    });
    say({ type: "finished" });
  },
};

/**
 * The SHA-256 of the certificate that a connection has from its beginning to its end. It only says so in its
 * descriptions; one that is not set changes nothing.
 */
async function fingerprintOf(connection) {
  const { sdp } = await connection.createOffer({ offerToReceiveAudio: true });
  const [, fingerprint] = /^a=fingerprint:sha-256 ([0-9a-f:]+)\s*$/im.exec(sdp) ?? [];
  if (!fingerprint) throw new Problem("libwebrtc does not tell the SHA-256 of its certificate.");
  return fingerprint;
}

async function describe(kind) {
  const description = await (kind === "offer" ? connection.createOffer() : connection.createAnswer());
  await connection.setLocalDescription(description);
  say({ type: "description", kind, sdp: description.sdp });
}

drive(steps, () => {
  clearTimeout(feeding);
  sink?.stop();
  connection?.close();
  heard?.discard();
});

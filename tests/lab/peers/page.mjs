// What runs in the browser: the call, and taps on what it captures, plays and shows. All moments are
// in milliseconds of the page's clock (performance.now), but for `filmed`.

import { Outbox } from "./outbox.mjs";
import { numberIn, stripRows } from "./strip.mjs";

// How much of the microphone's beginning is kept, to find its place in the file.
const KEPT_BLOCKS = 60;
// Of so many pictures of the film, the first that is shown is kept: five a second at most.
const KEPT_OF = 6;

// The driver talks to the page by a socket, not by the browser's debugger, which would be told, and billed
// for, every byte of it.
const socket = new WebSocket(`ws://${location.host}/`);

const say = (message) => socket.send(JSON.stringify(message));

const failed = (error) => say({ type: "failed", reason: String(error?.message ?? error) });

const outbox = new Outbox((message) => socket.send(message), failed);
const own = { connection: undefined, stream: new MediaStream() };
const filmed = [], shown = [], spoken = [], readers = [];

/** Calls `taken(piece, moment)`, which gives back how old sound is, for all that passes through a track. */
async function tap(track, { maxBufferSize, pauses }, taken) {
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize }).readable.getReader();
  readers.push(reader);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const moment = performance.now();
    const age = await taken(value, moment);
    value.close();
    if (pauses && age < CAUGHT_UP_MS) await new Promise((passed) => setTimeout(passed, PAUSE_MS));
  }
}

// Being woken for every piece is most of what a tap costs. Sound brings its moments with it, so it may
// wait in the tap's buffer. Pictures may not: their moments are when they came, and the camera has but a
// few buffers.
const PICTURES = { maxBufferSize: 30, pauses: false };
const SOUND = { maxBufferSize: 500, pauses: true };
const PAUSE_MS = 250;
const CAUGHT_UP_MS = 20;

// Sound carries the moment at which it was taken or asked for, which is more exact than that of the
// event; but which clock that is on has changed over the years. On the page's, the freshest piece of a
// track is a few milliseconds old.
const FRESH_MS = [-5, 100];
const freshest = [];

function newFreshness() {
  const freshness = { age: Infinity };
  freshest.push(freshness);
  return freshness;
}

function checkClocks() {
  for (const { age } of freshest) {
    const known = age === Infinity || (age >= FRESH_MS[0] && age <= FRESH_MS[1]);
    if (!known) throw new Error(`this Chromium tells the moment of sound by another clock: it is at least ${age.toFixed(0)} ms old`);
  }
}

const copySound = (sound) => (room) =>
  sound.copyTo(new Int16Array(room.buffer, room.byteOffset, sound.numberOfFrames), { planeIndex: 0, format: "s16-planar" });

function aboutSound(sound, moment, freshness) {
  const own = sound.timestamp / 1000;
  freshness.age = Math.min(freshness.age, moment - own);
  return [own, sound.numberOfFrames, sound.sampleRate];
}

function hear(track) {
  const freshness = newFreshness();
  return tap(track, SOUND, (sound, moment) => {
    const about = aboutSound(sound, moment, freshness);
    outbox.add(["heard", ...about], sound.numberOfFrames * 2, copySound(sound));
    return moment - about[0];
  });
}

const newLuma = () => new Uint8Array(1 << 16);

/** `luma`: room for the strip, not used by another picture meanwhile. */
async function numberOf(picture, luma) {
  const { width, height } = picture.visibleRect;
  const [y, rows] = stripRows(width);
  const rect = { x: 0, y, width: width & ~1, height: rows };
  if (y + rows > height || picture.allocationSize({ rect }) > luma.length) return undefined;
  const [plane] = await picture.copyTo(luma, { rect });
  return numberIn(luma.subarray(plane.offset), width, rows, plane.stride);
}

function see(track) {
  const luma = newLuma();
  let kept = 0, keptOf;
  return tap(track, PICTURES, async (picture, moment) => {
    const number = await numberOf(picture, luma);
    const row = [moment, number ?? null, null];
    shown.push(row);
    const few = Math.floor(number / KEPT_OF);
    if (number === undefined || few === keptOf) return;
    keptOf = few;
    const { width, height } = picture.visibleRect;
    row[2] = kept++;
    await outbox.add(["seen", width, height], picture.allocationSize(), (room) => picture.copyTo(room));
  });
}

function tapMicrophone(track) {
  const freshness = newFreshness();
  return tap(track, SOUND, (sound, moment) => {
    const about = aboutSound(sound, moment, freshness);
    spoken.push(about);
    if (spoken.length <= KEPT_BLOCKS) outbox.add(["spoken", ...about], sound.numberOfFrames * 2, copySound(sound));
    return moment - about[0];
  });
}

// A camera's pictures carry the moment on the system's monotonic clock.
function tapCamera(track) {
  const luma = newLuma();
  return tap(track, PICTURES, async (picture) => filmed.push([picture.timestamp / 1e6, (await numberOf(picture, luma)) ?? null]));
}

async function describe() {
  await own.connection.setLocalDescription();
  const { type, sdp } = own.connection.localDescription;
  say({ type: "description", kind: type, sdp });
}

const steps = {
  async prepare({ film }) {
    // What the other side is told of it before, and then finds on the line.
    const certificate = await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
    const fingerprint = certificate.getFingerprints().find(({ algorithm }) => algorithm === "sha-256")?.value;
    if (!fingerprint) throw new Error("it does not tell the SHA-256 of its certificate");
    const video = film && { width: { exact: film.width }, height: { exact: film.height }, frameRate: film.rate };
    const captured = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      video: video ?? false,
    });
    for (const track of captured.getTracks()) {
      (track.kind === "audio" ? tapMicrophone(track) : tapCamera(track)).catch(failed);
    }
    const connection = (own.connection = new RTCPeerConnection({ certificates: [certificate] }));
    // As Twocan has it, so that any two peers of the lab agree.
    connection.createDataChannel("control", { negotiated: true, id: 1000 });
    connection.onconnectionstatechange = () =>
      say({ type: "connection", state: connection.connectionState, moment: performance.now() });
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && say({
      type: "candidate",
      candidate: {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
      },
    });
    // Sound is only asked for, and pictures are only due, when an element plays them.
    document.querySelector("video").srcObject = own.stream;
    connection.ontrack = ({ track }) => {
      own.stream.addTrack(track);
      (track.kind === "audio" ? hear(track) : see(track)).catch(failed);
    };
    captured.getTracks().forEach((track) => connection.addTrack(track, captured));
    return { fingerprint };
  },
  async start({ offer }) {
    if (offer) await describe();
  },
  async description({ kind, sdp }) {
    await own.connection.setRemoteDescription({ type: kind, sdp });
    if (kind === "offer") await describe();
  },
  async candidate({ candidate }) {
    await own.connection.addIceCandidate({
      candidate: candidate.candidate,
      sdpMid: candidate.sdp_mid,
      sdpMLineIndex: candidate.sdp_m_line_index,
    });
  },
  async finish() {
    const reports = [...(await own.connection.getStats()).values()];
    await Promise.all(readers.map((reader) => reader.cancel()));
    await outbox.empty();
    checkClocks();
    return { reports, spoken, filmed, shown, sdp: own.connection.localDescription?.sdp ?? "" };
  },
};

// The driver says one thing at a time.
socket.onmessage = async ({ data }) => {
  const message = JSON.parse(data);
  try {
    say({ type: "done", result: await steps[message.type](message) });
  } catch (error) {
    failed(error);
  }
};
socket.onopen = () => say({ type: "opened", origin: performance.timeOrigin });
window.onunhandledrejection = ({ reason }) => failed(reason);

// What runs in the browser: the call, and taps on what it captures, plays and shows. All moments are
// in milliseconds of the page's clock (performance.now), but for `filmed`.

import { numberIn, stripRows } from "./strip.mjs";

// Sound is sent on once a second, to leave no mark on the browser's memory.
const BLOCKS_A_BATCH = 100;
// How much of the microphone's beginning is kept, to find its place in the file.
const KEPT_BLOCKS = 60;
// Five of thirty pictures a second are kept.
const KEPT_EVERY = 6;

const own = { connection: undefined, stream: new MediaStream(), posted: Promise.resolve() };
const filmed = [], shown = [], spoken = [], readers = [];

/** Hands numbers and bytes to the driver, in order. */
function post(path, about, bytes = new Uint8Array()) {
  const words = new TextEncoder().encode(JSON.stringify(about) + "\n");
  const body = new Blob([words, bytes]);
  own.posted = own.posted.then(() => fetch(path, { method: "POST", body })).then((answer) => {
    if (!answer.ok) throw new Error(`the driver did not take ${path}`);
  });
  own.posted.catch(failed);
}

/** Calls `taken(piece, moment)` for whatever passes through a track, until it is stopped. */
async function tap(track, maxBufferSize, taken) {
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize }).readable.getReader();
  readers.push(reader);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const moment = performance.now();
    await taken(value, moment);
    value.close();
  }
}

// Sound carries the moment at which it was taken or asked for, which is more exact than that of the
// event; but which clock that is on has changed over the years.
function momentOf(sound, moment) {
  const own = sound.timestamp / 1000;
  if (Math.abs(own - moment) > 5000) throw new Error("this Chromium tells the moment of sound by another clock");
  return own;
}

function samplesOf(sound) {
  const samples = new Int16Array(sound.numberOfFrames);
  sound.copyTo(samples, { planeIndex: 0, format: "s16-planar" });
  return samples;
}

function hear(track) {
  let blocks = [], sound = [];
  const send = () => {
    if (blocks.length) post("/heard", blocks, new Blob(sound));
    blocks = [];
    sound = [];
  };
  own.lastHeard = send;
  return tap(track, 500, (piece, moment) => {
    blocks.push([momentOf(piece, moment), piece.numberOfFrames, piece.sampleRate]);
    sound.push(samplesOf(piece));
    if (blocks.length === BLOCKS_A_BATCH) send();
  });
}

const luma = new Uint8Array(1 << 16);

async function numberOf(picture) {
  const { width, height } = picture.visibleRect;
  const [y, rows] = stripRows(width);
  const rect = { x: 0, y, width: width & ~1, height: rows };
  if (y + rows > height || picture.allocationSize({ rect }) > luma.length) return undefined;
  const [plane] = await picture.copyTo(luma, { rect });
  return numberIn(luma.subarray(plane.offset), width, rows, plane.stride);
}

function see(track) {
  let kept = 0;
  return tap(track, 30, async (picture, moment) => {
    const number = await numberOf(picture);
    const row = [moment, number ?? null, null];
    shown.push(row);
    if (number === undefined || number % KEPT_EVERY !== 0) return;
    const bytes = new Uint8Array(picture.allocationSize());
    await picture.copyTo(bytes);
    const { width, height } = picture.visibleRect;
    post("/seen", { width, height }, bytes);
    row[2] = kept++;
  });
}

function tapMicrophone(track) {
  return tap(track, 500, (piece, moment) => {
    spoken.push([momentOf(piece, moment), piece.numberOfFrames, piece.sampleRate]);
    if (spoken.length <= KEPT_BLOCKS) post("/spoken", spoken.at(-1), samplesOf(piece));
  });
}

// A camera's pictures carry the moment on the system's monotonic clock.
function tapCamera(track) {
  return tap(track, 30, async (picture) => filmed.push([picture.timestamp / 1e6, (await numberOf(picture)) ?? null]));
}

async function describe() {
  await own.connection.setLocalDescription();
  const { type, sdp } = own.connection.localDescription;
  say({ type: "description", kind: type, sdp });
}

const failed = (error) => say({ type: "failed", reason: error.message });

window.steps = {
  async prepare({ film }) {
    const video = film && { width: { exact: film.width }, height: { exact: film.height }, frameRate: film.rate };
    const captured = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      video: video ?? false,
    });
    for (const track of captured.getTracks()) {
      (track.kind === "audio" ? tapMicrophone(track) : tapCamera(track)).catch(failed);
    }
    const connection = (own.connection = new RTCPeerConnection());
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
    // By then the place of the microphone in its file can be found.
    while (spoken.length < KEPT_BLOCKS) await new Promise((passed) => setTimeout(passed, 10));
    await own.posted;
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
    own.lastHeard?.();
    await own.posted;
    return { reports, spoken, filmed, shown, sdp: own.connection.localDescription?.sdp ?? "" };
  },
};

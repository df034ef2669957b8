// A browser as the other participant of a call. JSON lines both ways:
//
// in:  {"type":"start","offer":bool} {"type":"description","kind":"offer"|"answer","sdp":…}
//      {"type":"candidate","candidate":{candidate,sdp_mid,sdp_m_line_index}} {"type":"measure","seconds":n}
// out: {"type":"description",…} {"type":"candidate",…} {"type":"connection","state":…}
//      {"type":"measured",…}
//
// It ends when its standard input does.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

// Cameras and microphones are only given to pages of a secure origin, which localhost is.
const server = createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>Twocan</title><video autoplay playsinline></video>");
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const browser = await chromium.launch({
  executablePath: process.env.TWOCAN_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
  ],
});
const page = await browser.newPage();
page.on("pageerror", (error) => process.stderr.write(`page: ${error}\n`));
await page.exposeFunction("say", say);
await page.goto(`http://localhost:${server.address().port}/`);

// What runs in the page.
const steps = {
  async start({ offer }) {
    const connection = (window.connection = new RTCPeerConnection());
    connection.createDataChannel("control", { negotiated: true, id: 1000 });
    connection.onconnectionstatechange = () => say({ type: "connection", state: connection.connectionState });
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && say({
      type: "candidate",
      candidate: {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
      },
    });
    const stream = new MediaStream();
    document.querySelector("video").srcObject = stream;
    connection.ontrack = ({ track }) => stream.addTrack(track);
    const own = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      video: { width: 640, height: 480, frameRate: 30 },
    });
    own.getTracks().forEach((track) => connection.addTrack(track, own));
    if (offer) {
      await connection.setLocalDescription();
      say({ type: "description", kind: "offer", sdp: connection.localDescription.sdp });
    }
  },
  async description({ kind, sdp }) {
    const connection = window.connection;
    await connection.setRemoteDescription({ type: kind, sdp });
    if (kind === "offer") {
      await connection.setLocalDescription();
      say({ type: "description", kind: "answer", sdp: connection.localDescription.sdp });
    }
  },
  async candidate({ candidate }) {
    await window.connection.addIceCandidate({
      candidate: candidate.candidate,
      sdpMid: candidate.sdp_mid,
      sdpMLineIndex: candidate.sdp_m_line_index,
    });
  },
  async measure({ seconds }) {
    const inbound = async () => {
      const found = {};
      for (const report of (await window.connection.getStats()).values()) {
        if (report.type === "inbound-rtp") found[report.kind] = report;
      }
      return found;
    };
    const pause = (milliseconds) => new Promise((passed) => setTimeout(passed, milliseconds));
    // The first pictures come some moments after the connection.
    let before = await inbound();
    while (!before.video?.framesDecoded || !before.audio) {
      await pause(50);
      before = await inbound();
    }
    await pause(seconds * 1000);
    const after = await inbound();
    const span = (after.video.timestamp - before.video.timestamp) / 1000;
    say({
      type: "measured",
      frames_per_second: (after.video.framesDecoded - before.video.framesDecoded) / span,
      frame_width: after.video.frameWidth,
      frame_height: after.video.frameHeight,
      freeze_count: after.video.freezeCount,
      audio_energy: after.audio.totalAudioEnergy - before.audio.totalAudioEnergy,
      concealed_share: (after.audio.concealedSamples - before.audio.concealedSamples) /
        (after.audio.totalSamplesReceived - before.audio.totalSamplesReceived),
      audio_packets_lost: after.audio.packetsLost,
    });
  },
};

// One after the other, in the order they come.
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  await page.evaluate(steps[message.type], message);
}
await browser.close();
server.close();

// What a side of a call leaves behind in its side.json.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const numbers = (report) => Object.fromEntries(
  Object.entries(report)
    .filter(([name, value]) => typeof value === "number" && Number.isFinite(value) && name !== "timestamp")
    .map(([name, value]) => [snakeCase(name), value]),
);

/** The figures of getStats, by what they are about; `reports`: all its reports. */
export function statistics(reports) {
  const names = { "inbound-rtp": "inbound", "outbound-rtp": "outbound", "remote-inbound-rtp": "remote_inbound" };
  const found = {};
  for (const report of reports) {
    if (names[report.type]) found[`${report.kind}_${names[report.type]}`] = numbers(report);
  }
  const transport = reports.find(({ type }) => type === "transport");
  const pair = reports.find(({ id }) => id === transport?.selectedCandidatePairId);
  if (pair) found.candidate_pair = numbers(pair);
  return found;
}

/** What each payload type of a description means, as {"111":"audio/opus"}. */
export function payloadTypes(sdp) {
  const found = {};
  let kind;
  for (const line of sdp.split(/\r?\n/)) {
    kind = /^m=(\w+) /.exec(line)?.[1] ?? kind;
    const [, number, codec] = /^a=rtpmap:(\d+) ([^/]+)/.exec(line) ?? [];
    if (number) found[number] = `${kind}/${codec}`;
  }
  return found;
}

/** `moments`: in seconds, those that did not happen undefined; `unixOfZero`: what they count from. */
export function writeSide(folder, { moments, unixOfZero, ...rest }) {
  const unix = Object.fromEntries(
    Object.entries(moments)
      .filter(([, moment]) => moment !== undefined)
      .map(([name, moment]) => [name, Math.round((moment + unixOfZero) * 1e6) / 1e6]),
  );
  writeFileSync(join(folder, "side.json"), JSON.stringify({ ...rest, moments: unix }, null, 2) + "\n");
}

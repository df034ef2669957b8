use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::audio_receiver::AudioReceiverStats;
use super::audio_sender::AudioSenderStats;
use super::video_receiver::VideoReceiverStats;
use super::video_sender::VideoSenderStats;
use super::wall_clock::WallClock;
use crate::call::{CallEndReason, CallRole};
use crate::peer::{PeerStats, StreamStats};

/// How a call was: what `--report` writes. Durations are in seconds, as in W3C webrtc-stats, except
/// where the name says milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// Of this format.
    pub version: u32,
    /// Of Twocan; with the commit, where it was built to tell that.
    pub program_version: String,
    /// Whose call it was.
    pub role: CallRole,
    /// How it ended.
    pub ended: CallEndReason,
    /// The same for a person.
    pub ended_sentence: &'static str,
    /// How long they talked, in seconds.
    pub talked: f64,
    /// How it came about.
    pub setup: SetupTimes,
    /// When it was.
    pub moments: Moments,
    /// What it cost this process; in a demo, both sides together.
    pub process: ProcessCost,
    /// One for each participant there was.
    pub participants: Vec<ParticipantReport>,
}

/// For [`CallReport::program_version`]. Whoever builds it may name the commit as `TWOCAN_COMMIT`.
pub(super) fn program_version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("TWOCAN_COMMIT") {
        None | Some("") => version.to_owned(),
        Some(commit) => format!("{version} ({commit})"),
    }
}

/// How a call came about, in milliseconds; none for what did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SetupTimes {
    /// Start → let in by the server.
    pub start_to_entered_ms: Option<f64>,
    /// Start → connected. For a host this counts the wait for the friend.
    pub start_to_connected_ms: Option<f64>,
    /// Start → the first sound of the friend handed to the speaker.
    pub start_to_first_audio_ms: Option<f64>,
    /// Start → the first picture of the friend shown.
    pub start_to_first_picture_ms: Option<f64>,
    /// Both in the room → connected.
    pub joined_to_connected_ms: Option<f64>,
    /// Both in the room → the first sound.
    pub joined_to_first_audio_ms: Option<f64>,
    /// Both in the room → the first picture.
    pub joined_to_first_picture_ms: Option<f64>,
}

/// When a call was, in seconds since the Unix epoch, to a microsecond; none for what did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Moments<T = Option<f64>> {
    /// The call was asked for.
    pub began: T,
    /// The server let us in.
    pub entered: T,
    /// The first other participant was there.
    pub met: T,
    /// Media could flow.
    pub connected: T,
    /// The first sound of the friend was handed to the speaker.
    pub first_audio: T,
    /// The first picture of the friend was shown.
    pub first_picture: T,
    /// The first sample of a WAV microphone was due. Sample n was due n / rate later.
    pub microphone: T,
    /// A WAV speaker wanted its first sample: where its file begins.
    pub speaker: T,
    /// Picture 0 of a Y4M or pattern camera was due. Picture n is due n / fps later, also where the
    /// clip has begun again.
    pub camera: T,
    /// Where the times of a Y4M or PNG display begin.
    pub display: T,
}

impl Moments<Option<Instant>> {
    /// As `clock` shows them.
    pub fn on(&self, clock: WallClock) -> Moments {
        let seconds = |moment: Option<Instant>| moment.map(|moment| clock.seconds_at(moment));
        Moments {
            began: seconds(self.began),
            entered: seconds(self.entered),
            met: seconds(self.met),
            connected: seconds(self.connected),
            first_audio: seconds(self.first_audio),
            first_picture: seconds(self.first_picture),
            microphone: seconds(self.microphone),
            speaker: seconds(self.speaker),
            camera: seconds(self.camera),
            display: seconds(self.display),
        }
    }

    /// The distances between them.
    pub fn times(&self) -> SetupTimes {
        let between = |from: Option<Instant>, to: Option<Instant>| {
            Some(to?.saturating_duration_since(from?).as_secs_f64() * 1_000.0)
        };
        SetupTimes {
            start_to_entered_ms: between(self.began, self.entered),
            start_to_connected_ms: between(self.began, self.connected),
            start_to_first_audio_ms: between(self.began, self.first_audio),
            start_to_first_picture_ms: between(self.began, self.first_picture),
            joined_to_connected_ms: between(self.met, self.connected),
            joined_to_first_audio_ms: between(self.met, self.first_audio),
            joined_to_first_picture_ms: between(self.met, self.first_picture),
        }
    }
}

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ProcessCost {
    /// User and system time of all threads, in seconds.
    pub cpu_seconds: f64,
    /// The most memory it ever held, in bytes.
    pub peak_rss_bytes: u64,
}

impl ProcessCost {
    /// Of this process, now; zero where the system does not tell.
    #[cfg(unix)]
    pub fn now() -> Self {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to a whole `rusage` that the call fills in; zeroed is a valid one.
        let usage = unsafe {
            libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
            usage.assume_init()
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        // Linux counts kibibytes, macOS bytes.
        let unit = if cfg!(target_os = "macos") { 1 } else { 1_024 };
        Self {
            cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peak_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit,
        }
    }

    /// Of this process, now; zero where the system does not tell.
    #[cfg(not(unix))]
    pub fn now() -> Self {
        Self::default()
    }
}

/// One participant's part of a call.
#[derive(Debug, Clone, Serialize)]
pub struct ParticipantReport {
    /// `true` if the line to them stood at some time.
    pub connected: bool,
    /// Of the line, the latest, in seconds.
    pub round_trip_time: Option<f64>,
    /// What may be sent at the end, bits a second.
    pub target_bitrate: u64,
    /// Sound write → wire, 95th percentile of the last 5 s, in milliseconds.
    pub audio_queue_p95_ms: f64,
    /// Such as `host`.
    pub local_candidate_type: Option<String>,
    /// Such as `host`.
    pub remote_candidate_type: Option<String>,
    /// Such as `audio/opus`.
    pub audio_codec: Option<String>,
    /// Such as `video/VP8`.
    pub video_codec: Option<String>,
    /// What the payload types of RTP packets mean, such as 97 for `video/rtx`.
    pub payload_types: BTreeMap<u8, String>,
    /// Sound that was sent.
    pub audio_outbound: BTreeMap<String, serde_json::Value>,
    /// Sound that came.
    pub audio_inbound: BTreeMap<String, serde_json::Value>,
    /// Pictures that were sent.
    pub video_outbound: BTreeMap<String, serde_json::Value>,
    /// Pictures that came.
    pub video_inbound: BTreeMap<String, serde_json::Value>,
}

/// All that was counted of one participant.
#[derive(Debug, Clone, Default)]
pub struct ParticipantCounters {
    /// The line stood at some time.
    pub connected: bool,
    /// Of the network.
    pub peer: PeerStats,
    /// Of our sound.
    pub audio_sender: AudioSenderStats,
    /// Of their sound.
    pub audio_receiver: AudioReceiverStats,
    /// Of our pictures.
    pub video_sender: VideoSenderStats,
    /// Of their pictures.
    pub video_receiver: VideoReceiverStats,
}

impl From<&ParticipantCounters> for ParticipantReport {
    fn from(counters: &ParticipantCounters) -> Self {
        let peer = &counters.peer;
        Self {
            connected: counters.connected,
            round_trip_time: peer.round_trip_time.map(|time| time.as_secs_f64()),
            target_bitrate: peer.target_bitrate.bps(),
            audio_queue_p95_ms: peer.audio_queue_p95.as_secs_f64() * 1_000.0,
            local_candidate_type: peer.local_candidate_type.clone(),
            remote_candidate_type: peer.remote_candidate_type.clone(),
            audio_codec: peer.audio_codec.clone(),
            video_codec: peer.video_codec.clone(),
            payload_types: peer.payload_types.clone(),
            audio_outbound: merged(&peer.audio_outbound, "sent", &counters.audio_sender),
            audio_inbound: merged(&peer.audio_inbound, "received", &counters.audio_receiver),
            video_outbound: merged(&peer.video_outbound, "sent", &counters.video_sender),
            video_inbound: merged(&peer.video_inbound, "received", &counters.video_receiver),
        }
    }
}

/// Counters of the network and of the media under the names of W3C webrtc-stats, durations in
/// seconds.
fn merged(
    stream: &StreamStats,
    way: &str,
    media: &impl Serialize,
) -> BTreeMap<String, serde_json::Value> {
    let mut fields = BTreeMap::new();
    if let Ok(serde_json::Value::Object(object)) = serde_json::to_value(media) {
        fields.extend(
            object
                .into_iter()
                .map(|(name, value)| (name, in_seconds(value))),
        );
    }
    if stream.ssrc != 0 {
        fields.insert("ssrc".into(), stream.ssrc.into());
    }
    fields.insert(format!("packets_{way}"), stream.packets.into());
    fields.insert(format!("bytes_{way}"), stream.bytes.into());
    fields.insert(
        format!("retransmitted_packets_{way}"),
        stream.retransmitted_packets.into(),
    );
    fields.insert("packets_lost".into(), stream.packets_lost.into());
    fields.insert("jitter".into(), stream.jitter.as_secs_f64().into());
    fields.insert("nack_count".into(), stream.nack_count.into());
    fields.insert("pli_count".into(), stream.pli_count.into());
    fields
}

/// Serde writes a duration as an object of `secs` and `nanos`.
fn in_seconds(value: serde_json::Value) -> serde_json::Value {
    let duration = || {
        let object = value.as_object()?;
        let (secs, nanos) = (
            object.get("secs")?.as_u64()?,
            object.get("nanos")?.as_u64()?,
        );
        let duration = Duration::from_secs(secs) + Duration::from_nanos(nanos);
        (object.len() == 2).then(|| duration.as_secs_f64().into())
    };
    duration().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_carry_the_names_of_the_standard_and_seconds() {
        let counters = ParticipantCounters {
            peer: PeerStats {
                audio_inbound: StreamStats {
                    packets: 7,
                    jitter: Duration::from_millis(2),
                    ..StreamStats::default()
                },
                ..PeerStats::default()
            },
            video_receiver: VideoReceiverStats {
                total_freezes_duration: Duration::from_millis(1_500),
                ..VideoReceiverStats::default()
            },
            ..ParticipantCounters::default()
        };
        let report = ParticipantReport::from(&counters);
        assert_eq!(report.audio_inbound["packets_received"], 7);
        assert_eq!(report.audio_inbound["jitter"], 0.002);
        assert_eq!(report.video_inbound["total_freezes_duration"], 1.5);
        for name in ["jitter_buffer_delay", "concealed_samples"] {
            assert!(report.audio_inbound.contains_key(name), "{name}");
        }
        for name in ["frames_decoded", "frames_dropped", "freeze_count"] {
            assert!(report.video_inbound.contains_key(name), "{name}");
        }
        assert!(report.video_outbound.contains_key("frames_encoded"));
        assert!(ProcessCost::now().cpu_seconds >= 0.0);
    }

    #[test]
    fn moments_are_told_by_the_clock_and_what_did_not_happen_is_not() {
        let began = Instant::now();
        let moments = Moments {
            began: Some(began),
            connected: Some(began + Duration::from_millis(250)),
            microphone: Some(began + Duration::from_micros(1)),
            ..Moments::default()
        };
        let clock = WallClock::new(began, Duration::from_secs(1_000));
        let told = serde_json::to_value(moments.on(clock)).expect("JSON");
        assert_eq!(told["began"], 1_000.0);
        assert_eq!(told["connected"], 1_000.25);
        assert_eq!(told["microphone"], 1_000.000_001);
        assert!(told["first_picture"].is_null());
        assert_eq!(moments.times().start_to_connected_ms, Some(250.0));
    }
}

//! How long a call takes to come about, what it costs, and that it needs no device at all.

use super::rig::{Environment, Rig, alone, figure, median, number, options};
use crate::support::program::Program;
use serde_json::Value;

fn synthetic(camera: &str, duration: &str) -> Vec<String> {
    options(&[
        ("microphone", &"tone:440"),
        ("speaker", &"null"),
        ("camera", &camera),
        ("display", &"null"),
        ("duration", &duration),
    ])
}

#[test]
fn a_call_by_link_comes_about_in_a_second() {
    twenty_calls_come_about(Rig::host);
}

#[test]
fn a_call_by_code_comes_about_in_a_second() {
    twenty_calls_come_about(Rig::host_by_code);
}

/// How a call is begun; gives the invitation as well.
type Begin = fn(&Rig, &[String], &Environment) -> (Program, String);

fn twenty_calls_come_about(begin: Begin) {
    let _alone = alone();
    let rig = Rig::start();
    let nothing = Default::default();
    let (mut connected, mut first_audio) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let side = synthetic("pattern:320x180@15", "2s");
        let (host, invite) = begin(&rig, &side, &nothing);
        let join = rig.join(&invite, &side, &nothing);
        host.finish();
        join.finish();
        let report = rig.report("join");
        connected.push(number(&report, "/setup/joined_to_connected_ms"));
        first_audio.push(number(&report, "/setup/joined_to_first_audio_ms"));
    }
    let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    println!("20 calls, in milliseconds");
    figure("joined → connected, worst", worst(&connected));
    figure("joined → first sound, worst", worst(&first_audio));
    let (connected, first_audio) = (median(connected), median(first_audio));
    figure("joined → connected, median", connected);
    figure("joined → first sound, median", first_audio);
    assert!(connected < 1_000.0 && first_audio < 1_500.0);
}

#[test]
fn pictures_of_720p_go_both_ways_on_two_cores() {
    let _alone = alone();
    let rig = Rig::start_on_two_cores();
    let nothing = Default::default();
    let side = synthetic("pattern:1280x720@30", "20s");
    let (host, invite) = rig.host(&side, &nothing);
    let join = rig.join(&invite, &side, &nothing);
    host.finish();
    join.finish();
    println!("720p30 both ways");
    for name in ["host", "join"] {
        let report = rig.report(name);
        let video = &report["participants"][0]["video_inbound"];
        let fps = number(video, "/frames_decoded") / number(&report, "/talked");
        figure(&format!("{name}: pictures a second"), format!("{fps:.1}"));
        figure(&format!("{name}: video_inbound"), video);
        figure(&format!("{name}: process"), &report["process"]);
        assert!(fps >= 25.0, "{name} sees only {fps:.1} pictures a second");
        assert_eq!(number(video, "/frame_height"), 720.0, "{name}");
    }
}

#[test]
fn a_computer_without_devices_calls_itself_and_reports_everything() {
    let _alone = alone();
    let rig = Rig::start();
    let nowhere = rig.folder.path().display().to_string();
    let environment = [
        ("XDG_RUNTIME_DIR", nowhere.clone()),
        ("PULSE_SERVER", format!("unix:{nowhere}/none")),
        ("ALSA_CONFIG_PATH", "/dev/null".to_owned()),
    ];
    let environment = environment
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    let said = rig
        .demo(&options(&[("duration", &"10s")]), &environment)
        .finish();
    println!("{}", said.join("\n"));
    let report = rig.report("demo");
    for side in ["host", "guest"] {
        everything_is_reported(&report[side]);
    }
}

/// What the help promises of a report.
fn everything_is_reported(report: &Value) {
    for field in [
        "start_to_connected_ms",
        "start_to_first_audio_ms",
        "start_to_first_picture_ms",
    ] {
        assert!(
            number(&report["setup"], &format!("/{field}")) > 0.0,
            "{field}"
        );
    }
    assert!(number(report, "/process/cpu_seconds") > 0.0);
    assert!(number(report, "/process/peak_rss_bytes") > 1e6);
    assert!(report["ended"].is_string());
    let friend = &report["participants"][0];
    assert!(number(friend, "/round_trip_time") > 0.0);
    assert_eq!(friend["audio_codec"], "audio/opus");
    assert_eq!(friend["video_codec"], "video/VP8");
    for field in ["local_candidate_type", "remote_candidate_type"] {
        assert!(friend[field].is_string(), "{field} in {friend:#}");
    }
    let positive = |part: &str, field: &str| {
        assert!(
            number(friend, &format!("/{part}/{field}")) > 0.0,
            "{part} {field}"
        );
    };
    positive("audio_outbound", "packets_sent");
    positive("audio_outbound", "bytes_sent");
    positive("audio_inbound", "packets_received");
    positive("audio_inbound", "bytes_received");
    positive("audio_inbound", "jitter_buffer_delay");
    positive("video_outbound", "frames_encoded");
    positive("video_outbound", "packets_sent");
    positive("video_outbound", "target_bitrate");
    positive("video_inbound", "frames_decoded");
    positive("video_inbound", "bytes_received");
    for field in ["packets_lost", "jitter", "concealed_samples"] {
        number(friend, &format!("/audio_inbound/{field}"));
    }
    for field in ["packets_lost", "frames_dropped", "freeze_count"] {
        number(friend, &format!("/video_inbound/{field}"));
    }
}

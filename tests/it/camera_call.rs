//! Whole calls between two processes with a kernel driver's camera, in the guest that
//! `tests/camera-vm/run` starts: it is pulled out and plugged in again while they talk, and another
//! app holds it when they begin.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use twocan::capture::Camera;
use twocan::media::Resolution;

use crate::camera::{assert_bars_within, camera_of_the_guest, next, plug, small};
use crate::support::program::Program;
use crate::support::{TempDir, share_of_tone};

/// How large pictures are written down.
const SEEN: Resolution = Resolution {
    width: 320,
    height: 180,
};

/// Somebody with a camera and a tone for a voice calls somebody who only listens and watches.
struct Call {
    folder: TempDir,
    host: Program,
    join: Program,
}

impl Call {
    fn start() -> Self {
        let folder = TempDir::new();
        let twocan = |action: &[&str], options: String| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
            command
                .current_dir(folder.path())
                .env("HOME", folder.path())
                .args(action)
                .args(["--headless", "--processing", "off"])
                .args(options.split(' '));
            command
        };
        let host = twocan(
            &["host"],
            "--camera default --microphone tone:440 --speaker null --report host.json".into(),
        );
        let mut host = Program::start("host", host);
        let invite = host.wait_for("twocan://");
        let Resolution { width, height } = SEEN;
        let join = twocan(
            &["join", invite.trim()],
            format!(
                "--camera none --microphone silence --speaker wav:heard.wav \
                 --display y4m:{width}x{height}:seen.y4m --report join.json"
            ),
        );
        let join = Program::start("join", join);
        Self { folder, host, join }
    }

    fn sees_and_hears(&mut self) {
        self.join
            .wait_until("figures with picture and sound", |line| {
                sound_of(line) > 0 && line.contains(", picture ") && line.contains("no picture")
            });
    }

    fn hears_only(&mut self) {
        self.join.wait_until("figures without any picture", |line| {
            sound_of(line) > 0 && !line.contains(", picture ")
        });
    }

    /// Waits until so many pictures have been written down.
    fn sees(&mut self, pictures: u64) {
        let path = self.folder.path().join("seen.y4m");
        self.join.wait_until("figures after some pictures", |line| {
            sound_of(line) > 0 && pictures_in(&path) >= pictures
        });
    }

    fn seen(&self) -> u64 {
        pictures_in(&self.folder.path().join("seen.y4m"))
    }

    /// The host hangs up; what each side said, and the folder of what was heard and seen.
    fn end(self) -> ([Vec<String>; 2], TempDir) {
        self.host.interrupt();
        ([self.host.finish(), self.join.finish()], self.folder)
    }
}

/// The kilobits of sound that came in, of a line of figures.
fn sound_of(line: &str) -> u32 {
    let number = || {
        let rest = line.split_once("in: sound ")?.1;
        rest.split_once(' ')?.0.parse().ok()
    };
    number().unwrap_or(0)
}

fn bytes_of_a_picture() -> (usize, usize) {
    let (width, height) = (SEEN.width as usize, SEEN.height as usize);
    (width * height, width.div_ceil(2) * height.div_ceil(2))
}

fn pictures_in(film: &Path) -> u64 {
    let (luma, chroma) = bytes_of_a_picture();
    std::fs::metadata(film).map_or(0, |film| film.len() / (luma + 2 * chroma) as u64)
}

fn times(lines: &[String], words: &str) -> usize {
    lines.iter().filter(|line| line.contains(words)).count()
}

/// The last picture that was written down.
fn assert_bars_seen_last(path: &Path) {
    let film = std::fs::read(path).expect("pictures were written");
    let (luma, chroma) = bytes_of_a_picture();
    let picture = &film[film.len() - luma - 2 * chroma..];
    let (y, rest) = picture.split_at(luma);
    let (u, v) = rest.split_at(chroma);
    // Coded with loss, and scaled.
    assert_bars_within((y, u, v), SEEN, 16);
}

fn assert_tone_heard(path: &Path) {
    let mut heard = hound::WavReader::open(path).expect("sound was written");
    let samples: Vec<f32> = heard
        .samples::<i16>()
        .map(|sample| f32::from(sample.expect("a whole file")) / 32_768.0)
        .collect();
    // Piece by piece: where an emulated processor comes late, the tone goes on in another phase.
    let mut shares: Vec<f64> = samples
        .chunks_exact(4_800)
        .map(|piece| share_of_tone(piece, 440.0))
        .collect();
    shares.sort_by(f64::total_cmp);
    let median = shares[shares.len() / 2];
    println!(
        "of what was heard, {median:.2} is the tone (median of {})",
        shares.len()
    );
    assert!(median > 0.9, "of what was heard, {median:.2} is the tone");
}

#[test]
fn a_call_goes_on_while_its_camera_is_out_and_shows_it_again() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    let mut call = Call::start();
    call.sees_and_hears();
    plug("unbind");
    call.host
        .wait_for("the camera was unplugged; the call goes on without it");
    call.join.wait_for("your friend's camera is off");
    call.hears_only();
    let before = call.seen();
    plug("bind");
    call.host.wait_for("the camera works again");
    call.join.wait_for("your friend's camera is on");
    call.sees(before + 3);
    let ([host, join], folder) = call.end();
    assert_eq!(times(&host, "the camera"), 2, "{host:#?}");
    assert!(join.iter().any(|line| line == "Your friend hung up."));
    assert_bars_seen_last(&folder.path().join("seen.y4m"));
    assert_tone_heard(&folder.path().join("heard.wav"));
}

#[test]
fn a_call_begins_without_a_camera_that_another_app_uses_and_takes_it_when_it_is_free() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    let mut other_app = Camera::open(None, small()).unwrap();
    next(&mut other_app).unwrap();
    let mut call = Call::start();
    call.host.wait_for(
        "another app is using the camera; the call goes on, but your friend will not see you until it is free",
    );
    call.join.wait_for("your friend's camera is off");
    call.hears_only();
    drop(other_app);
    call.host.wait_for("the camera works again");
    call.sees(3);
    let ([host, _], folder) = call.end();
    assert_eq!(times(&host, "the camera"), 2, "{host:#?}");
    assert_bars_seen_last(&folder.path().join("seen.y4m"));
}

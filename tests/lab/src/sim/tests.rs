use super::*;
use serde_json::Value;
use std::time::Instant;
use twocan::media::{VideoFrame, burn_frame_number};
use twocan::peer::runtime::{Jitter, LinkConditions};

/// Gone when dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("twocan-lab-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Seconds of nothing but a loud half second of noise from `from` on, in samples; 48 kHz, 16 bits.
fn noise(seconds: u32, from: usize) -> Vec<u8> {
    let mut samples = vec![0_i16; 48_000 * seconds as usize];
    let mut random = 1_u32;
    for sample in &mut samples[from..from + 24_000] {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = (random >> 18) as i16;
    }
    let bytes = samples.len() as u32 * 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(48_000_u32.to_le_bytes());
    wav.extend(96_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    wav
}

/// A second of numbered pictures.
fn film(first: u16) -> Vec<u8> {
    let mut film = b"YUV4MPEG2 W192 H108 F30:1 Ip A1:1 C420jpeg\n".to_vec();
    for number in first..first + 30 {
        let mut frame = VideoFrame::black(192, 108, Instant::now());
        burn_frame_number(&mut frame, number);
        film.extend(b"FRAME\n");
        film.extend(frame.data());
    }
    film
}

fn stimuli() -> TempDir {
    let folder = TempDir::new("stimuli");
    let write = |name: &str, bytes: Vec<u8>| {
        fs::write(folder.0.join(name), bytes).expect("written");
    };
    write("speech.wav", noise(6, 96_000));
    write("clicks.wav", noise(6, 144_000));
    write("film-left.y4m", film(0));
    write("film-right.y4m", film(10_002));
    folder
}

fn scenario() -> Scenario {
    let conditions = LinkConditions {
        delay: Duration::from_millis(40),
        jitter: Jitter::Uniform {
            spread: Duration::from_millis(10),
        },
        loss: 0.05,
        ..LinkConditions::default()
    };
    let line = LinkProfile::new(1, conditions);
    Scenario {
        name: "short".to_owned(),
        about: "A test".to_owned(),
        length: Duration::from_secs(4),
        there: line.clone(),
        back: line,
        calls: 1,
        download_at: None,
        mobile: None,
    }
}

/// What a call leaves of sound, pictures and packets.
fn leave(folder: &Path, seed: u64) -> Vec<Vec<u8>> {
    let stimuli = stimuli();
    run(&scenario(), &stimuli.0, seed, folder, &[]).expect("a call");
    let files = ["heard.wav", "shown.csv", "seen.y4m"];
    let both = ["left", "right"].map(|side| files.map(|file| folder.join(side).join(file)));
    let paths = both.into_iter().flatten().chain([folder.join("line.csv")]);
    paths
        .map(|path| fs::read(path).expect("it is there"))
        .collect()
}

#[test]
fn a_call_leaves_what_is_measured_and_the_same_seed_leaves_the_same() {
    let [first, again, other] = ["first", "again", "other"].map(TempDir::new);
    let left = leave(&first.0, 7);
    assert!(left == leave(&again.0, 7), "it differs from itself");
    assert!(left != leave(&other.0, 8), "two seeds, one call");

    let side = fs::read(first.0.join("right/side.json")).expect("a side");
    let side: Value = serde_json::from_slice(&side).expect("JSON");
    assert_eq!(side["payload_types"]["111"], "audio/opus");
    let moment = |name: &str| side["moments"][name].as_f64().expect(name);
    assert_eq!(moment("speaker"), Workbench::BEGINNING.as_secs_f64());
    assert!(moment("connected") > moment("joining"));

    // What was due at the other side's second 2 is heard here after the line and the buffers.
    let heard = fs::read(first.0.join("right/heard.wav")).expect("heard");
    let samples = heard[44..].as_chunks::<2>().0.iter().copied();
    let onset = samples
        .map(i16::from_le_bytes)
        .position(|sample| sample.abs() > 1_500);
    let delay = onset.expect("the noise") as f64 / 48_000.0 - 2.0;
    assert!((0.05..0.15).contains(&delay), "{delay} s");

    let shown = fs::read_to_string(first.0.join("right/shown.csv")).expect("shown");
    let numbers = shown
        .lines()
        .filter_map(|line| line.split(',').nth(1)?.parse::<u16>().ok());
    let numbers: Vec<_> = numbers.collect();
    assert!(numbers.len() > 60, "{} pictures", numbers.len());
    assert!(numbers.iter().all(|number| *number < 30));
    let line = fs::read_to_string(first.0.join("line.csv")).expect("a line");
    for kind in [",stun,", ",dtls,", ",rtcp,", ",rtp,111,", ",rtp,96,"] {
        assert!(line.contains(kind), "{kind}");
    }
}

#[test]
fn what_has_no_twin_on_virtual_time_is_refused() {
    let shared = Scenario {
        calls: 2,
        ..scenario()
    };
    let nowhere = Path::new("/nowhere");
    let why = run(&shared, nowhere, 1, nowhere, &[]).expect_err("two calls");
    assert!(why.to_string().contains("two ends"), "{why}");
    let missing = TempDir::new("missing");
    let why = run(&scenario(), nowhere, 1, &missing.0, &[]).expect_err("no stimuli");
    assert!(why.to_string().contains("no such file"), "{why}");
}

//! The camera against a real kernel driver: Linux's `vivid`, in the guest that
//! `tests/camera-vm/run` starts. These tests pull the driver's plug, so they run nowhere else.
#![cfg(target_os = "linux")]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use twocan::capture::{
    Camera, CameraSpec, Device, DeviceError, Pull, VideoMode, VideoSource, devices,
};
use twocan::media::{Resolution, VideoFrame};

use crate::support::child;
use crate::support::{in_the_guest, wait_until};

/// The right to the only camera; `None` outside of the guest.
pub fn camera_of_the_guest() -> Option<MutexGuard<'static, ()>> {
    static CAMERA: Mutex<()> = Mutex::new(());
    in_the_guest().then(|| CAMERA.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What an emulated processor can follow.
pub fn small() -> VideoMode {
    VideoMode {
        resolution: Resolution {
            width: 320,
            height: 180,
        },
        fps: 15,
    }
}

/// The next picture, or why there will be none.
pub fn next(camera: &mut Camera) -> Result<VideoFrame, DeviceError> {
    loop {
        match camera.pull(Instant::now()) {
            Pull::Ready(frame) => return Ok(frame),
            Pull::NotBefore(moment) => wait_until(moment),
            Pull::Ended => panic!("a camera has no end"),
            Pull::Lost(error) => return Err(error),
        }
    }
}

fn cameras() -> Vec<Device> {
    devices().cameras
}

#[test]
fn only_the_node_that_gives_pictures_is_a_camera() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    let nodes = std::fs::read_dir("/dev").unwrap();
    let nodes = nodes.filter(|node| {
        let name = node.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("video")
    });
    let nodes = nodes.count();
    assert!(
        nodes > 1,
        "the driver shows other kinds of nodes too, but there is {nodes}"
    );
    let cameras = cameras();
    assert_eq!(cameras.len(), 1, "{cameras:?}");
    assert_eq!(cameras[0].label, "vivid");
    assert!(cameras[0].id.contains("vivid-000#"), "{cameras:?}");
    assert!(cameras[0].default);
}

/// The bars that the driver paints at 75 %, from left to right, in the middle of each.
const BARS: [[u8; 3]; 8] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
    [16, 128, 128],
];

fn assert_bars(frame: &VideoFrame) {
    assert_bars_within(frame.planes(), frame.resolution(), 8);
}

/// Those bars are in these planes (I420), each value at most `tolerance` off.
pub fn assert_bars_within((y, u, v): (&[u8], &[u8], &[u8]), size: Resolution, tolerance: u8) {
    let (width, height) = (size.width as usize, size.height as usize);
    // Far below the text that the driver writes into the top.
    let row = height * 7 / 8;
    for (bar, expected) in BARS.iter().enumerate() {
        let column = (2 * bar + 1) * width / 16;
        let chroma = row / 2 * width.div_ceil(2) + column / 2;
        let found = [y[row * width + column], u[chroma], v[chroma]];
        let mut pairs = found.iter().zip(expected);
        let near = pairs.all(|(a, b)| a.abs_diff(*b) <= tolerance);
        assert!(near, "bar {bar} is {found:?} and should be {expected:?}");
    }
}

#[test]
fn the_drivers_colour_bars_are_recognised_and_times_are_right() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    for name in [
        None,
        Some("vivid"),
        Some("/dev/video0"),
        Some(&*cameras()[0].id),
    ] {
        let mut camera = Camera::open(name, small()).unwrap();
        assert_eq!(camera.mode().resolution, small().resolution);
        let mut last = None;
        for _ in 0..5 {
            let frame = next(&mut camera).unwrap();
            assert_eq!(frame.resolution(), small().resolution);
            assert_bars(&frame);
            let age = Instant::now().saturating_duration_since(frame.captured_at);
            assert!(age < Duration::from_secs(1), "{age:?} old");
            assert!(Some(frame.captured_at) > last);
            last = Some(frame.captured_at);
        }
    }
}

#[test]
fn the_default_is_thirty_a_second_as_near_to_720p_as_that_goes() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    let mut camera = Camera::open(None, VideoMode::default()).unwrap();
    // This driver has 720p at 15 a second only, and 320x180 at 60.
    assert_eq!(camera.mode().to_string(), "640x360@30");
    assert_bars(&next(&mut camera).unwrap());
}

#[test]
fn a_camera_in_use_is_busy_until_it_is_dropped() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    let mut first = Camera::open(None, small()).unwrap();
    next(&mut first).unwrap();
    let error = Camera::open(None, small()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "another app is using the camera; close it and try again"
    );
    drop(first);
    // At once: dropping has waited until the camera was let go.
    next(&mut Camera::open(None, small()).unwrap()).unwrap();
}

/// Pulls the camera out (`unbind`) or plugs it in (`bind`).
pub fn plug(what: &str) {
    let driver = "/sys/bus/platform/drivers/vivid";
    std::fs::write(format!("{driver}/{what}"), "vivid.0").unwrap();
}

#[test]
fn a_camera_that_is_pulled_out_is_lost_and_comes_back() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    let before = cameras();
    let mut camera = Camera::open(None, small()).unwrap();
    next(&mut camera).unwrap();
    plug("unbind");
    let error = loop {
        if let Err(error) = next(&mut camera) {
            break error;
        }
    };
    assert_eq!(error.to_string(), "the camera was unplugged");
    assert_eq!(cameras(), []);
    let missing = "default"
        .parse::<CameraSpec>()
        .unwrap()
        .open(Instant::now());
    assert_eq!(missing.err().unwrap().to_string(), "no camera is connected");
    drop(camera);
    plug("bind");
    assert_eq!(cameras(), before, "the same id as before");
    let mut again = Camera::open(Some(&before[0].id), small()).unwrap();
    assert_bars(&next(&mut again).unwrap());
}

/// The child of the next test; nothing by itself.
#[test]
fn as_nobody() {
    if child::role().as_deref() == Some("open the camera") {
        let error = Camera::open(None, small()).err().unwrap();
        assert_eq!(
            error.to_string(),
            "the system does not let Twocan use the camera"
        );
        child::tell("denied");
    }
}

#[test]
fn a_camera_that_we_may_not_open_says_so() {
    let Some(_camera) = camera_of_the_guest() else {
        return;
    };
    // Not by its path, which may lie in a home where nobody else may look.
    let output = Command::new("/proc/self/exe")
        .args(["--exact", "camera::as_nobody", "--nocapture"])
        .env(child::ROLE, "open the camera")
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("CHILD denied"),
        "{output:?}"
    );
}

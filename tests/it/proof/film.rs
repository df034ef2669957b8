//! What stands in for a camera, found again in the window of whoever sees it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use twocan::media::VideoFrame;

use super::desk::{Desk, Sight};
use super::portrait::portrait;
use super::rig::figure;

/// How many pictures a film has before it begins again: two seconds.
const FILM: usize = 60;
/// The window's size in pixels.
const WINDOW: (usize, usize) = (980, 680);
/// Where in it nothing but the friend's picture is seen.
const BARE: (std::ops::Range<usize>, std::ops::Range<usize>) = (200..780, 200..440);
/// Of every so manieth pixel there.
const EVERY: usize = 10;
/// How far a picture may be from the one that was sent, on average, of 255 steps of brightness.
const SAME: f32 = 5.0;

/// What a person's camera sees, as brightness of the [`BARE`] pixels of a window that shows it.
pub struct Film {
    pub file: PathBuf,
    pictures: Vec<Vec<f32>>,
}

impl Film {
    /// The film of this person, made in `folder`.
    pub fn of(who: usize, folder: &Path) -> Self {
        let file = folder.join(format!("person-{who}.y4m"));
        let mut out = BufWriter::new(File::create(&file).expect("our folder"));
        writeln!(out, "YUV4MPEG2 W1280 H720 F30:1 Ip A1:1 C420jpeg").expect("room for a film");
        let mut pictures = Vec::new();
        for index in 0..FILM {
            let frame = portrait(who, index as f32 / FILM as f32);
            out.write_all(b"FRAME\n").expect("room for a film");
            out.write_all(frame.data()).expect("room for a film");
            pictures.push(as_in_a_window(&frame));
        }
        out.flush().expect("room for a film");
        Self { file, pictures }
    }

    /// Which of its pictures `sight` shows, if one at all; and how far off the nearest is.
    fn found_in(&self, sight: &Sight) -> (Option<usize>, f32) {
        let seen: Vec<f32> = bare().map(|(x, y)| sight.brightness(x, y)).collect();
        let distances = self.pictures.iter().map(|picture| {
            let apart: f32 = picture.iter().zip(&seen).map(|(a, b)| (a - b).abs()).sum();
            apart / seen.len() as f32
        });
        let (index, off) = distances
            .enumerate()
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("a film has pictures");
        ((off < SAME).then_some(index), off)
    }
}

fn bare() -> impl Iterator<Item = (usize, usize)> {
    let (across, down) = BARE;
    down.step_by(EVERY)
        .flat_map(move |y| across.clone().step_by(EVERY).map(move |x| (x, y)))
}

/// The brightness that a window should show at [`bare`] of a picture that fills its height, the
/// sides cut off.
fn as_in_a_window(frame: &VideoFrame) -> Vec<f32> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let scale = height as f32 / WINDOW.1 as f32;
    let left = (width as f32 - WINDOW.0 as f32 * scale) / 2.0;
    let (luma, _, _) = frame.planes();
    bare()
        .map(|(x, y)| {
            let (x, y) = (x as f32 * scale + left, y as f32 * scale);
            let value = luma[y as usize * width + x as usize];
            (f32::from(value) - 16.0) * 255.0 / 219.0
        })
        .collect()
}

/// Waits until the window shows two different pictures of a film.
#[track_caller]
pub fn moves(name: &str, desk: &Desk, film: &Film) {
    let first = desk.watch("the friend's picture", |sight| film.found_in(sight).0);
    let (second, off) = desk.watch("another picture of the friend", |sight| {
        let (found, off) = film.found_in(sight);
        found
            .filter(|found| *found != first)
            .map(|found| (found, off))
    });
    let figures = format!("{first} and {second} of {FILM}, {off:.1} of 255 off");
    figure(&format!("{name} sees pictures"), figures);
}

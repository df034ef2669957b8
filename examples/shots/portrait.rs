//! Two painted people, so that pictures of a call need no real ones.

use std::f32::consts::TAU;
use std::time::Instant;

use twocan::media::VideoFrame;

/// Wall, skin, shirt and hair of each, in sRGB.
const LOOKS: [[[f32; 3]; 4]; 2] = [
    [
        [86.0, 126.0, 150.0],
        [229.0, 178.0, 140.0],
        [150.0, 158.0, 170.0],
        [92.0, 58.0, 38.0],
    ],
    [
        [176.0, 178.0, 160.0],
        [224.0, 170.0, 132.0],
        [198.0, 138.0, 36.0],
        [60.0, 36.0, 26.0],
    ],
];
/// How far a head leans to each side, in pixels.
const LEAN: f32 = 60.0;

/// Person 0 or 1 in front of a wall, 1280×720. At `phase`, 0.0..=1.0, of speaking they lean to a
/// side and have their mouth more or less open; 1.0 is as 0.0.
pub fn portrait(who: usize, phase: f32) -> VideoFrame {
    let (width, height) = (1280_u32, 720_u32);
    let mut frame = VideoFrame::black(width, height, Instant::now());
    let [wall, skin, shirt, hair] = LOOKS[who % LOOKS.len()];
    let lean = LEAN * (TAU * phase).sin();
    let mouth = 12.0 + 10.0 * (3.0 * TAU * phase).sin();
    let color = |x: f32, y: f32| -> [f32; 3] {
        let inside = |x: f32, cx: f32, cy: f32, rx: f32, ry: f32| {
            let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
            dx * dx + dy * dy < 1.0
        };
        // Whoever leans turns about the chest.
        let head = x - lean * ((620.0 - y) / 320.0).clamp(0.0, 1.0);
        let eye = |cx: f32| inside(head, cx, 300.0, 13.0, 10.0);
        if eye(590.0) || eye(690.0) {
            [38.0, 30.0, 26.0]
        } else if inside(head, 640.0, 400.0, 46.0, mouth) && y > 398.0 {
            [170.0, 70.0, 66.0]
        } else if inside(head, 640.0, 320.0, 116.0, 150.0)
            && !inside(head, 640.0, 190.0, 150.0, 62.0)
        {
            skin
        } else if inside(head, 640.0, 270.0, 150.0, 160.0)
            || (who % 2 == 1 && inside(head, 640.0, 330.0, 162.0, 190.0))
        {
            hair
        } else if inside(head, 640.0, 520.0, 60.0, 110.0) {
            skin.map(|value| value * 0.86)
        } else if inside(x, 640.0, 760.0, 340.0, 230.0) {
            shirt
        } else {
            let shade = 0.72 + 0.34 * (x / width as f32) - 0.18 * (y / height as f32);
            wall.map(|value| value * shade)
        }
    };
    let chroma_width = frame.chroma_width();
    let (luma, cb, cr) = frame.planes_mut();
    for y in 0..height {
        for x in 0..width {
            let [r, g, b] = color(x as f32, y as f32);
            luma[(y * width + x) as usize] =
                (16.0 + 0.257 * r + 0.504 * g + 0.098 * b).clamp(16.0, 235.0) as u8;
            if x % 2 == 0 && y % 2 == 0 {
                let at = (y / 2) as usize * chroma_width + (x / 2) as usize;
                cb[at] = (128.0 - 0.148 * r - 0.291 * g + 0.439 * b).clamp(16.0, 240.0) as u8;
                cr[at] = (128.0 + 0.439 * r - 0.368 * g - 0.071 * b).clamp(16.0, 240.0) as u8;
            }
        }
    }
    frame
}

use crate::capture::VideoMode;
use crate::media::Resolution;

use super::convert::PixelFormat;

/// One way in which a camera can be run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Offer {
    pub(super) format: PixelFormat,
    pub(super) resolution: Resolution,
    pub(super) fps: f64,
}

/// The offer that comes nearest to `wish`: near in size, as fast or a little faster, and cheap to
/// convert. Never the fastest for its own sake.
pub(super) fn choose(offers: &[Offer], wish: VideoMode) -> Option<Offer> {
    offers
        .iter()
        .copied()
        .filter(|offer| offer.fps > 0.0 && pixels(offer.resolution) > 0.0)
        .min_by(|a, b| penalty(a, wish).total_cmp(&penalty(b, wish)))
}

fn pixels(resolution: Resolution) -> f64 {
    f64::from(resolution.width) * f64::from(resolution.height)
}

/// How far an offer is from the wish, in doublings of the size.
fn penalty(offer: &Offer, wish: VideoMode) -> f64 {
    let size = (pixels(offer.resolution) / pixels(wish.resolution)).log2();
    // Larger pictures cost work that ends in scaling them down.
    let size = if size > 0.0 { size + 0.5 } else { -size };
    let aspect =
        |resolution: Resolution| f64::from(resolution.width) / f64::from(resolution.height);
    let shape = 0.3
        * (aspect(offer.resolution) / aspect(wish.resolution))
            .log2()
            .abs();
    // 29.97 is 30. Half the wished rate is as bad as a quarter of the size; twice it is a waste.
    let speed = (f64::from(wish.fps) - 0.5) / offer.fps;
    let speed = if speed > 1.0 {
        2.0 * speed.log2()
    } else {
        -0.05 * speed.log2()
    };
    let conversion = match offer.format {
        PixelFormat::I420 | PixelFormat::Nv12 => 0.0,
        PixelFormat::Yuyv => 0.01,
        PixelFormat::Mjpeg => 0.1,
        PixelFormat::Rgb | PixelFormat::Bgr | PixelFormat::Rgba | PixelFormat::Bgra => 0.15,
    };
    size + shape + speed + conversion
}

#[cfg(test)]
mod tests {
    use super::*;
    use PixelFormat::{Bgr, Mjpeg, Nv12, Yuyv};

    fn chosen(offers: &[(PixelFormat, u32, u32, f64)]) -> Option<(PixelFormat, u32, f64)> {
        let offers: Vec<_> = offers
            .iter()
            .map(|&(format, width, height, fps)| Offer {
                format,
                resolution: Resolution { width, height },
                fps,
            })
            .collect();
        let offer = choose(&offers, VideoMode::default())?;
        Some((offer.format, offer.resolution.width, offer.fps))
    }

    #[test]
    fn the_wish_is_met_where_it_can_be() {
        let webcam = [
            (Yuyv, 640, 480, 30.0),
            (Yuyv, 1_280, 720, 10.0),
            (Yuyv, 1_920, 1_080, 5.0),
            (Mjpeg, 640, 480, 30.0),
            (Mjpeg, 1_280, 720, 30.0),
            (Mjpeg, 1_920, 1_080, 30.0),
        ];
        assert_eq!(chosen(&webcam), Some((Mjpeg, 1_280, 30.0)));
        assert_eq!(chosen(&webcam[..3]), Some((Yuyv, 640, 30.0)));
    }

    #[test]
    fn neither_the_fastest_nor_the_largest_for_its_own_sake() {
        assert_eq!(
            chosen(&[
                (Bgr, 320, 180, 60.0),
                (Yuyv, 1_280, 720, 30.0),
                (Yuyv, 3_840, 2_160, 60.0)
            ]),
            Some((Yuyv, 1_280, 30.0))
        );
        assert_eq!(
            chosen(&[
                (Nv12, 1_280, 720, 60.0),
                (Nv12, 1_280, 720, 30.0),
                (Nv12, 1_280, 720, 29.97)
            ]),
            Some((Nv12, 1_280, 29.97))
        );
        assert_eq!(
            chosen(&[(Bgr, 1_280, 720, 30.0), (Nv12, 1_280, 720, 30.0)]),
            Some((Nv12, 1_280, 30.0))
        );
    }

    #[test]
    fn something_is_better_than_nothing() {
        assert_eq!(chosen(&[(Yuyv, 160, 120, 5.0)]), Some((Yuyv, 160, 5.0)));
        assert_eq!(
            chosen(&[(Yuyv, 1_280, 720, 15.0), (Yuyv, 160, 120, 30.0)]),
            Some((Yuyv, 1_280, 15.0))
        );
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[(Yuyv, 0, 0, 30.0), (Yuyv, 640, 480, 0.0)]), None);
    }
}

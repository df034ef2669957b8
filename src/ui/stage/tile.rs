//! Where the self view sits: in one of four corners, out of the way of the bar.

use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};

/// Between the tile and the edges, in points.
const MARGIN: f32 = 24.0;
/// The same where the window is narrow.
const MARGIN_NARROW: f32 = 16.0;
/// Between the tile and what it makes way for.
const GAP: f32 = 16.0;
/// Below this much width the tile is small.
const NARROW: f32 = 760.0;

/// A corner of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
}

impl Corner {
    /// The one that a tile dropped at `center` means.
    pub(super) fn nearest(stage: Rect, center: Pos2) -> Self {
        let left = center.x < stage.center().x;
        match (center.y < stage.center().y, left) {
            (true, true) => Self::TopLeft,
            (true, false) => Self::TopRight,
            (false, true) => Self::BottomLeft,
            (false, false) => Self::BottomRight,
        }
    }

    /// In words, for assistive technology.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TopLeft => "top left",
            Self::TopRight => "top right",
            Self::BottomLeft => "bottom left",
            Self::BottomRight => "bottom right",
        }
    }

    /// The next one around, for the keyboard.
    pub(super) fn next(self) -> Self {
        match self {
            Self::BottomRight => Self::BottomLeft,
            Self::BottomLeft => Self::TopLeft,
            Self::TopLeft => Self::TopRight,
            Self::TopRight => Self::BottomRight,
        }
    }

    fn is_left(self) -> bool {
        matches!(self, Self::TopLeft | Self::BottomLeft)
    }

    fn is_top(self) -> bool {
        matches!(self, Self::TopLeft | Self::TopRight)
    }
}

/// The tile's size on a stage: 8:5, smaller where there is little room.
pub(super) fn size(stage: Rect) -> Vec2 {
    if stage.width() < 480.0 {
        vec2(112.0, 70.0)
    } else if stage.width() < NARROW {
        vec2(144.0, 90.0)
    } else {
        vec2(184.0, 115.0)
    }
}

/// The tile in its corner, moved up or down from there until it covers none of `obstacles`.
pub(super) fn place(stage: Rect, corner: Corner, obstacles: &[Rect]) -> Rect {
    let size = size(stage);
    let margin = if stage.width() < 640.0 {
        MARGIN_NARROW
    } else {
        MARGIN
    };
    let room = stage.shrink(margin);
    let x = if corner.is_left() {
        room.left()
    } else {
        room.right() - size.x
    };
    let y = if corner.is_top() {
        room.top()
    } else {
        room.bottom() - size.y
    };
    let mut tile = Rect::from_min_size(pos2(x, y), size);
    // Each obstacle can push it into another one, but only further the same way.
    for _ in obstacles {
        for obstacle in obstacles {
            if !tile.intersects(obstacle.expand(GAP - 1.0)) {
                continue;
            }
            let top = if corner.is_top() {
                obstacle.bottom() + GAP
            } else {
                obstacle.top() - GAP - size.y
            };
            tile = Rect::from_min_size(pos2(x, top), size);
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(width: f32, height: f32) -> Rect {
        Rect::from_min_size(Pos2::ZERO, vec2(width, height))
    }

    fn bar(stage: Rect) -> Rect {
        Rect::from_center_size(
            pos2(stage.center().x, stage.bottom() - 70.0),
            vec2(344.0, 92.0),
        )
    }

    #[test]
    fn it_snaps_to_the_corner_it_was_dropped_in() {
        let stage = stage(980.0, 680.0);
        for (at, corner) in [
            (pos2(100.0, 90.0), Corner::TopLeft),
            (pos2(900.0, 339.0), Corner::TopRight),
            (pos2(489.0, 600.0), Corner::BottomLeft),
            (pos2(491.0, 341.0), Corner::BottomRight),
            (pos2(-50.0, 900.0), Corner::BottomLeft),
        ] {
            assert_eq!(Corner::nearest(stage, at), corner, "{at:?}");
        }
    }

    #[test]
    fn beside_the_bar_when_there_is_room_and_above_it_when_tight() {
        let wide = stage(980.0, 680.0);
        let tile = place(wide, Corner::BottomRight, &[bar(wide)]);
        assert_eq!(tile.max, pos2(956.0, 656.0));
        let tight = stage(500.0, 600.0);
        let tile = place(tight, Corner::BottomRight, &[bar(tight)]);
        assert!(tile.bottom() <= bar(tight).top() - GAP + 0.01);
        assert_eq!(tile.right(), 484.0);
    }

    #[test]
    fn it_covers_nothing_in_any_corner_at_any_size() {
        for (width, height) in [(980.0, 680.0), (650.0, 680.0), (380.0, 520.0)] {
            let stage = stage(width, height);
            let bar = bar(stage);
            let hint =
                Rect::from_center_size(pos2(bar.center().x, bar.top() - 40.0), vec2(300.0, 56.0));
            let name = Rect::from_min_size(pos2(18.0, 14.0), vec2(200.0, 48.0));
            let quality = Rect::from_min_size(pos2(width - 160.0, 24.0), vec2(144.0, 28.0));
            let obstacles = [bar, hint, name, quality];
            let mut corner = Corner::BottomRight;
            for _ in 0..4 {
                let tile = place(stage, corner, &obstacles);
                assert!(stage.contains_rect(tile), "{corner:?} {tile:?}");
                for obstacle in obstacles {
                    assert!(!tile.intersects(obstacle), "{corner:?} {width}");
                }
                corner = corner.next();
            }
            assert_eq!(corner, Corner::BottomRight);
        }
    }
}

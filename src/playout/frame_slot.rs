use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use crate::media::VideoFrame;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// The latest picture, and no other: a newer one replaces it whether or not it was seen, so nobody
/// ever waits for a slow viewer.
#[derive(Default)]
pub struct FrameSlot {
    frame: ArcSwapOption<(u64, Arc<VideoFrame>)>,
    published: AtomicU64,
    wake: ArcSwapOption<Wake>,
}

impl FrameSlot {
    /// An empty slot.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `wake` after each picture, on the publisher's thread: it must be quick.
    pub fn on_publish(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.wake.store(Some(Arc::new(Arc::new(wake))));
    }

    /// Replaces the picture.
    pub fn publish(&self, frame: Arc<VideoFrame>) {
        let version = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        self.frame.store(Some(Arc::new((version, frame))));
        self.call_wake();
    }

    /// Takes the picture away: the camera is off.
    pub fn clear(&self) {
        self.frame.store(None);
        self.call_wake();
    }

    /// The picture and its version, which grows with each one published.
    pub fn latest(&self) -> Option<(u64, Arc<VideoFrame>)> {
        self.frame
            .load_full()
            .map(|latest| (latest.0, latest.1.clone()))
    }

    fn call_wake(&self) {
        if let Some(wake) = self.wake.load_full() {
            wake();
        }
    }
}

impl std::fmt::Debug for FrameSlot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "FrameSlot({} published)",
            self.published.load(Ordering::Relaxed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    #[test]
    fn only_the_latest_picture_is_kept_and_each_wakes_the_viewer() {
        let slot = FrameSlot::new();
        let woken = Arc::new(AtomicUsize::new(0));
        slot.on_publish({
            let woken = woken.clone();
            move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!(slot.latest().is_none());
        for side in [2, 4] {
            slot.publish(Arc::new(VideoFrame::black(side, side, Instant::now())));
        }
        let (version, frame) = slot.latest().expect("a picture was published");
        assert_eq!((version, frame.width()), (2, 4));
        slot.clear();
        assert!(slot.latest().is_none());
        assert_eq!(woken.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_picture_that_nobody_looked_at_is_freed_at_once() {
        let slot = FrameSlot::new();
        let first = Arc::new(VideoFrame::black(16, 16, Instant::now()));
        slot.publish(first.clone());
        slot.publish(Arc::new(VideoFrame::black(16, 16, Instant::now())));
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn a_viewer_beside_the_publisher_sees_versions_grow() {
        let slot = FrameSlot::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for width in 1..=2_000 {
                    slot.publish(Arc::new(VideoFrame::black(width, 1, Instant::now())));
                }
            });
            let mut last = 0;
            while last < 2_000 {
                if let Some((version, frame)) = slot.latest() {
                    assert!(version >= last);
                    assert_eq!(u64::from(frame.width()), version);
                    last = version;
                }
            }
        });
    }
}

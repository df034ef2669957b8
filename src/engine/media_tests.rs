use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::capture::{Pull, VideoSource};
use crate::media::VideoFrame;

/// A camera that has one user at a time, as real ones do.
#[derive(Clone, Default)]
struct OneCamera {
    users: Arc<AtomicUsize>,
}

struct InUse(OneCamera);

impl OneCamera {
    fn open(&self) -> Result<Option<Box<dyn VideoSource>>, DeviceError> {
        let users = self.users.fetch_add(1, Ordering::AcqRel);
        let used = InUse(self.clone());
        if users > 0 {
            return Err(DeviceError::Busy { kind: "camera" });
        }
        Ok(Some(Box::new(used)))
    }
}

impl VideoSource for InUse {
    fn pull(&mut self, now: Instant) -> Pull<VideoFrame> {
        Pull::NotBefore(now + Duration::from_secs(3_600))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        // Closing takes time, and until then nobody else gets in.
        thread::sleep(Duration::from_millis(50));
        self.0.users.fetch_sub(1, Ordering::AcqRel);
    }
}

fn media() -> (Media, mpsc::Receiver<Opened>) {
    let own = Arc::default();
    let (processing, mode) = (Processing::OFF, OpusMode::Voice);
    Media::new(Workshop::Threads, processing, mode, own, None, &[]).expect("media")
}

fn open_camera(media: &Media, camera: &OneCamera, slow: Option<(Sender<()>, Receiver<()>)>) {
    let (video, waker) = (media.video_out.clone(), media.wakers[1].clone());
    let give = move |source, way_back| {
        video.order(VideoOrder::Source(source, way_back));
        waker.wake();
    };
    let camera = camera.clone();
    let open = move |_| {
        let opened = camera.open();
        if let Some((opening, go_on)) = slow {
            opening.send(()).expect("the test waits");
            go_on.recv().expect("the test goes on");
        }
        opened
    };
    media.open(DeviceKind::Camera, give, |_| None, open);
}

#[test]
fn a_camera_is_let_go_of_before_it_is_opened_again() {
    let (media, mut opened) = media();
    let camera = OneCamera::default();
    for _ in 0..3 {
        open_camera(&media, &camera, None);
        let opened = opened.blocking_recv().expect("the media live");
        assert_eq!(opened.result, Ok(()));
        assert_eq!(camera.users.load(Ordering::Acquire), 1);
    }
    media.open_camera(CameraSpec::None);
    assert!(
        opened
            .blocking_recv()
            .is_some_and(|opened| opened.result.is_ok())
    );
    assert_eq!(camera.users.load(Ordering::Acquire), 0);
}

#[test]
fn a_camera_turned_on_off_and_on_while_it_opens_is_on() {
    let (media, mut opened) = media();
    let camera = OneCamera::default();
    let (opening, is_opening) = channel();
    let (go_on, may_go_on) = channel();
    open_camera(&media, &camera, Some((opening, may_go_on)));
    is_opening.recv().expect("it is opened");
    media.open_camera(CameraSpec::None);
    open_camera(&media, &camera, None);
    go_on.send(()).expect("it still opens");
    let news = opened.blocking_recv().expect("the media live");
    assert_eq!(news.result, Ok(()));
    assert_eq!(camera.users.load(Ordering::Acquire), 1);
    assert!(opened.try_recv().is_err(), "only what is wished is told");
}

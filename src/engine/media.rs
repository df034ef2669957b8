use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::mpsc;

use super::audio_sender::AudioSender;
use super::audio_worker::{AudioDesk, AudioOrder, AudioWorker};
use super::handicap::{Handicap, half_for_pictures};
use super::memory::MemoryReturn;
use super::video_sender::{StreamStart, VideoSender};
use super::video_worker::{
    VideoInDesk, VideoInOrder, VideoInWorker, VideoOrder, VideoOutDesk, VideoOutWorker,
};
use super::way_back::WayBack;
use super::worker::{Employment, Priority, Waker, Workshop};
use crate::call::ParticipantId;
use crate::capture::{CameraSpec, DeviceError, MicrophoneSpec};
use crate::codec::OpusMode;
use crate::congestion::Allocator;
use crate::media::{Bitrate, EncoderControl, MediaKind, RtpPacket, RtpTimestamp, SenderReport};
use crate::peer::PeerLink;
use crate::playout::{AudioSink, FrameSlot, NullSpeaker, SpeakerSpec, UiSound, VideoSink};
use crate::process::{Processing, render_reference};

/// Reports of devices that may wait.
const EVENT_QUEUE: usize = 32;
/// What 20 ms packets of sound carry besides their payload, a second.
const AUDIO_OVERHEAD_BPS: u64 = 50 * 8 * 64;

/// How long a worker may take to let go of a device: it does at its next turn, which encodes a
/// picture at most.
const LETTING_GO: Duration = Duration::from_secs(5);

/// Which device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// Sound in.
    Microphone,
    /// Sound out.
    Speaker,
    /// Pictures in.
    Camera,
}

impl DeviceKind {
    /// As a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
            Self::Camera => "camera",
        }
    }
}

/// What became of a device that was to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Which.
    pub kind: DeviceKind,
    /// It works, or why not.
    pub result: Result<(), DeviceError>,
}

/// Why there is no media at all.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No thread.
    #[error("the system has no thread to spare: {0}")]
    Thread(#[from] std::io::Error),
    /// libopus.
    #[error(transparent)]
    Opus(#[from] crate::codec::OpusError),
    /// libvpx.
    #[error(transparent)]
    Video(#[from] crate::codec::VideoCodecError),
}

/// Devices of one kind are opened one after the other, and what was asked for last wins.
#[derive(Default)]
struct Door {
    wish: AtomicU64,
    busy: Mutex<()>,
}

/// All that is seen and heard: the three media workers and the devices they use. Dropping it
/// frees the devices and ends the threads.
pub struct Media {
    workshop: Workshop,
    audio: AudioDesk,
    video_out: VideoOutDesk,
    video_in: VideoInDesk,
    wakers: [Waker; 3],
    opened: mpsc::Sender<Opened>,
    doors: Arc<[Door; 3]>,
    display_since: Option<Instant>,
    handicaps: Vec<Handicap>,
    _employments: [Employment; 3],
    _memory: MemoryReturn,
}

impl Media {
    /// Workers without devices; what becomes of devices is told by the receiver. Pictures of
    /// others also go to `display`. The call is had with `handicaps`, or rather without any.
    ///
    /// # Errors
    /// When there is no thread, or a codec does not start.
    pub fn new(
        workshop: Workshop,
        processing: Processing,
        mode: OpusMode,
        own: Arc<FrameSlot>,
        display: Option<Box<dyn VideoSink>>,
        handicaps: &[Handicap],
    ) -> Result<(Self, mpsc::Receiver<Opened>), MediaError> {
        let now = workshop.now();
        let stopwatch = workshop.stopwatch();
        let mut rng = rand::rng();
        let (source, reference) = render_reference();
        let start = RtpTimestamp(rng.random());
        let mut sender = AudioSender::new(start, processing, mode, Some(reference))?;
        sender.set_copies(!handicaps.contains(&Handicap::NoRepairOfSound))?;
        let speaker = Box::new(NullSpeaker::new(now));
        let (audio_worker, audio) = AudioWorker::new(sender, source, speaker, handicaps, now);
        let start = StreamStart {
            rtp_timestamp: RtpTimestamp(rng.random()),
            picture_id: rng.random::<u16>() & 0x7fff,
        };
        let sender = VideoSender::vp8(start, now)?;
        let display_since = display.as_ref().and_then(|display| display.time_zero());
        let (out_worker, video_out) = VideoOutWorker::new(sender, own, stopwatch, now);
        let (in_worker, video_in) = VideoInWorker::new(audio.positions(), display, stopwatch, now);
        let employments = [
            workshop.employ("twocan-sound", Priority::RealTime, audio_worker)?,
            workshop.employ("twocan-film", Priority::Normal, out_worker)?,
            workshop.employ("twocan-show", Priority::Normal, in_worker)?,
        ];
        let (opened, opened_rx) = mpsc::channel(EVENT_QUEUE);
        let media = Self {
            workshop,
            audio,
            video_out,
            video_in,
            wakers: [
                employments[0].waker(),
                employments[1].waker(),
                employments[2].waker(),
            ],
            opened,
            doors: Arc::default(),
            display_since,
            handicaps: handicaps.to_vec(),
            _employments: employments,
            _memory: MemoryReturn,
        };
        Ok((media, opened_rx))
    }

    /// The desk of the sound worker.
    pub fn audio(&self) -> &AudioDesk {
        &self.audio
    }

    /// How sending pictures is.
    pub fn video_out(&self) -> &VideoOutDesk {
        &self.video_out
    }

    /// How receiving pictures is.
    pub fn video_in(&self) -> &VideoInDesk {
        &self.video_in
    }

    /// When the display that pictures also go to began, if it is one that keeps time.
    pub fn display_since(&self) -> Option<Instant> {
        self.display_since
    }

    /// Tells the sound worker something.
    pub fn order_audio(&self, order: AudioOrder) {
        self.audio.order(order);
        self.wakers[0].wake();
    }

    /// Tells the worker that sends pictures something.
    pub fn order_video(&self, order: VideoOrder) {
        self.video_out.order(order);
        self.wakers[1].wake();
    }

    /// Tells the worker that receives pictures something.
    pub fn order_video_in(&self, order: VideoInOrder) {
        self.video_in.order(order);
        self.wakers[2].wake();
    }

    /// Opens a microphone in place of the one that is open; [`MicrophoneSpec::None`] closes it.
    pub fn open_microphone(&self, spec: MicrophoneSpec) {
        let (audio, waker) = (self.audio.clone(), self.wakers[0].clone());
        let give = move |source, way_back| {
            audio.order(AudioOrder::Source(source, way_back));
            waker.wake();
        };
        let open = move |now| spec.open(now);
        self.open(DeviceKind::Microphone, give, |_| None, open);
    }

    /// Opens a speaker in place of the one that is open.
    pub fn open_speaker(&self, spec: SpeakerSpec) {
        let (audio, waker) = (self.audio.clone(), self.wakers[0].clone());
        let give = move |sink, way_back| {
            audio.order(AudioOrder::Sink(sink, way_back));
            waker.wake();
        };
        let none = |now| Box::new(NullSpeaker::new(now)) as Box<dyn AudioSink>;
        let open = move |now| spec.open(now);
        self.open(DeviceKind::Speaker, give, none, open);
    }

    /// Opens a camera in place of the one that is open; [`CameraSpec::None`] closes it.
    pub fn open_camera(&self, spec: CameraSpec) {
        let (video, waker) = (self.video_out.clone(), self.wakers[1].clone());
        let give = move |source, way_back| {
            video.order(VideoOrder::Source(source, way_back));
            waker.wake();
        };
        let open = move |now| spec.open(now);
        self.open(DeviceKind::Camera, give, |_| None, open);
    }

    /// Devices can take seconds to answer, and nobody here waits for them. Many have one user at a
    /// time, ourselves included: `give` puts `none` in the place of the old one, which is closed
    /// before `open` makes the new one.
    fn open<D: Send + 'static>(
        &self,
        kind: DeviceKind,
        give: impl Fn(D, WayBack<D>) + Send + 'static,
        none: impl FnOnce(Instant) -> D + Send + 'static,
        open: impl FnOnce(Instant) -> Result<D, DeviceError> + Send + 'static,
    ) {
        let wish = self.doors[kind as usize]
            .wish
            .fetch_add(1, Ordering::AcqRel)
            + 1;
        let (doors, opened) = (self.doors.clone(), self.opened.clone());
        let workshop = self.workshop.clone();
        let work = move || {
            let door = &doors[kind as usize];
            let _busy = door.busy.lock().unwrap_or_else(PoisonError::into_inner);
            let superseded = || door.wish.load(Ordering::Acquire) != wish;
            let exchange = |device| {
                let (way_back, old) = WayBack::new();
                give(device, way_back);
                // A task would wait for one that only runs when it is done itself.
                if let Workshop::Threads = workshop {
                    drop(old.recv_timeout(LETTING_GO));
                }
            };
            if superseded() {
                return;
            }
            exchange(none(workshop.now()));
            let result = open(workshop.now());
            // It may have taken seconds.
            if superseded() {
                return;
            }
            let report = Opened {
                kind,
                result: result.map(exchange),
            };
            if opened.try_send(report).is_err() {
                tracing::debug!("nobody asks what became of the device");
            }
        };
        match &self.workshop {
            Workshop::Threads => {
                let spawned = thread::Builder::new()
                    .name("twocan-open".into())
                    .spawn(work);
                if let Err(error) = spawned {
                    let result = Err(DeviceError::Failed {
                        kind: kind.name(),
                        reason: error.to_string(),
                    });
                    let _ = self.opened.try_send(Opened { kind, result });
                }
            }
            Workshop::Tasks(_) => work(),
        }
    }

    /// Plays and shows this participant from now on; they get nothing before
    /// [`Self::set_sending`].
    pub fn add(&self, id: ParticipantId, link: &Arc<dyn PeerLink>, slot: Arc<FrameSlot>) {
        self.order_audio(AudioOrder::Add(id, link.clone()));
        self.order_video(VideoOrder::Add(id, link.clone()));
        self.order_video_in(VideoInOrder::Add(id, link.clone(), slot));
    }

    /// Forgets this participant.
    pub fn remove(&self, id: ParticipantId) {
        self.order_audio(AudioOrder::Remove(id));
        self.order_video(VideoOrder::Remove(id));
        self.order_video_in(VideoInOrder::Remove(id));
    }

    /// Whether this participant gets our sound and pictures.
    pub fn set_sending(&self, id: ParticipantId, sending: bool) {
        self.order_audio(AudioOrder::SetSending(id, sending));
        self.order_video(VideoOrder::SetSending(id, sending));
    }

    /// Shares what the network bears among sound and pictures.
    pub fn control(&self, control: EncoderControl) {
        let audio = Allocator::allocate(control.target_bitrate, control.loss).audio;
        self.order_audio(AudioOrder::Control(EncoderControl {
            target_bitrate: audio,
            ..control
        }));
        let on_wire = Bitrate(audio.bps() + AUDIO_OVERHEAD_BPS);
        let control = if self.handicaps.contains(&Handicap::HalfBitrate) {
            half_for_pictures(control, on_wire)
        } else {
            control
        };
        self.order_video(VideoOrder::Control(control, on_wire));
    }

    /// A media packet came in.
    pub fn push_packet(&self, from: ParticipantId, packet: RtpPacket) {
        match packet.kind {
            MediaKind::Audio => {
                if !self.audio.push_packet(from, packet) {
                    tracing::debug!("sound comes faster than it can be played");
                }
            }
            MediaKind::Video => {
                if !self.video_in.push_packet(from, packet) {
                    tracing::debug!("pictures come faster than they can be shown");
                }
                self.wakers[2].wake();
            }
        }
    }

    /// A report for lip-sync came in.
    pub fn push_report(&self, from: ParticipantId, report: SenderReport) {
        self.video_in.push_report(from, report);
        self.wakers[2].wake();
    }

    /// Somebody cannot decode our pictures without a key frame.
    pub fn want_key_frame(&self) {
        self.video_out.want_key_frame();
        self.wakers[1].wake();
    }

    /// A picture of ours was thrown away on its way to somebody.
    pub fn handle_picture_dropped(&self) {
        self.video_out.handle_picture_dropped();
        self.wakers[1].wake();
    }

    /// Stops a sound of the app.
    pub fn stop(&self, sound: UiSound) {
        self.order_audio(AudioOrder::Stop(sound));
    }

    /// Plays a sound of the app.
    pub fn play(&self, sound: UiSound) {
        self.order_audio(AudioOrder::Play(sound));
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::audio_receiver::{AudioReceiver, AudioReceiverStats};
use super::audio_sender::{AudioSender, AudioSenderStats};
use super::handicap::{Handicap, LateSpeaker};
use super::loss::Loss;
use super::way_back::WayBack;
use super::worker::{Turn, Worker};
use crate::call::ParticipantId;
use crate::capture::{AudioSource, Pull};
use crate::codec::OpusMode;
use crate::media::{EncoderControl, FRAME_SAMPLES, Level, RtpPacket};
use crate::peer::PeerLink;
use crate::playout::{AudioSink, MediaPosition, MixInput, Mixer, UiSound};
use crate::process::{Processing, RenderReferenceSource};

/// Packets that may wait for a turn: over a second of the fastest sound. More are dropped.
const PACKET_QUEUE: usize = 256;
/// Orders that may wait for a turn; a person cannot fill it.
const ORDER_QUEUE: usize = 64;
/// How often devices are asked: they run on clocks of their own.
const DEVICE_INTERVAL: Duration = Duration::from_millis(3);
/// How often the status is written down.
const STATUS_INTERVAL: Duration = Duration::from_millis(40);
/// How much a trial of the microphone records.
const TRIAL_FRAMES: usize = 500;

/// What the engine tells the sound worker.
pub enum AudioOrder {
    /// Record from this from now on; none closes the microphone. The one before is handed back.
    Source(
        Option<Box<dyn AudioSource>>,
        WayBack<Option<Box<dyn AudioSource>>>,
    ),
    /// Play on this from now on. The one before is handed back.
    Sink(Box<dyn AudioSink>, WayBack<Box<dyn AudioSink>>),
    /// Play from this participant, and be ready to send to them.
    Add(ParticipantId, Arc<dyn PeerLink>),
    /// Forget this participant.
    Remove(ParticipantId),
    /// Whether this participant gets our sound: not while their line is down.
    SetSending(ParticipantId, bool),
    /// Stop or go on sending to everybody.
    SetMuted(bool),
    /// What is done to our sound, and what it is.
    SetProcessing(Processing, OpusMode),
    /// From the network.
    Control(EncoderControl),
    /// Play a sound of the app.
    Play(UiSound),
    /// Stop playing a sound of the app.
    Stop(UiSound),
    /// Record a while, then play it; nothing without a microphone.
    Try,
}

/// How the sound is, written down now and then.
#[derive(Debug, Clone, Default)]
pub struct AudioStatus {
    /// Of the microphone, muted or not.
    pub level: Level,
    /// What was sent.
    pub sender: AudioSenderStats,
    /// What was received, by whom it came from.
    pub receivers: BTreeMap<ParticipantId, ReceiverStatus>,
    /// How long a sample takes from here to the ear.
    pub playout_delay: Duration,
    /// Where the trial of the microphone is.
    pub trial: Trial,
    /// The time zero of the microphone, if it has one.
    pub microphone_since: Option<Instant>,
    /// The time zero of the speaker, if it has one.
    pub speaker_since: Option<Instant>,
}

/// One participant's sound.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReceiverStatus {
    /// How loud they are.
    pub level: Level,
    /// When they were first heard.
    pub first_audio_at: Option<Instant>,
    /// The counters.
    pub stats: AudioReceiverStats,
}

/// Where the trial of the microphone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trial {
    /// Nowhere.
    #[default]
    Idle,
    /// Recording.
    Recording,
    /// Playing back.
    Playing,
}

/// The other end of the sound worker.
#[derive(Clone)]
pub struct AudioDesk {
    orders: SyncSender<AudioOrder>,
    packets: SyncSender<(ParticipantId, RtpPacket)>,
    status: Arc<ArcSwap<AudioStatus>>,
    positions: Arc<ArcSwap<Positions>>,
    source_lost: Loss,
    sink_lost: Loss,
}

/// What is heard of whom.
pub type Positions = BTreeMap<ParticipantId, MediaPosition>;

impl AudioDesk {
    /// Tells the worker something; it takes it at its next turn.
    pub fn order(&self, order: AudioOrder) {
        if self.orders.try_send(order).is_err() {
            tracing::error!("the sound worker does not take orders");
        }
    }

    /// Hands it a packet; `false` if it has too many already.
    pub fn push_packet(&self, from: ParticipantId, packet: RtpPacket) -> bool {
        !matches!(
            self.packets.try_send((from, packet)),
            Err(TrySendError::Full(_))
        )
    }

    /// How the sound was a moment ago.
    pub fn status(&self) -> Arc<AudioStatus> {
        self.status.load_full()
    }

    /// Where word is left when the microphone stops working.
    pub fn source_lost(&self) -> &Loss {
        &self.source_lost
    }

    /// Where word is left when the speaker stops working.
    pub fn sink_lost(&self) -> &Loss {
        &self.sink_lost
    }

    /// What is heard of whom, for lip-sync.
    pub fn positions(&self) -> Arc<ArcSwap<Positions>> {
        self.positions.clone()
    }
}

struct Speaking {
    link: Arc<dyn PeerLink>,
    sending: bool,
    receiver: AudioReceiver,
}

/// Sound both ways: microphone to everybody, everybody to the speaker, and what the speaker plays
/// to the echo canceller.
pub struct AudioWorker {
    orders: Receiver<AudioOrder>,
    packets: Receiver<(ParticipantId, RtpPacket)>,
    /// Kept when it works no more: closing it may block, and this thread must not.
    source: Option<Box<dyn AudioSource>>,
    source_works: bool,
    sink: Box<dyn AudioSink>,
    sender: AudioSender,
    reference: RenderReferenceSource,
    mixer: Mixer,
    participants: BTreeMap<ParticipantId, Speaking>,
    recording: Option<Vec<f32>>,
    playback: Option<(Vec<f32>, usize)>,
    status: Arc<ArcSwap<AudioStatus>>,
    positions: Arc<ArcSwap<Positions>>,
    source_lost: Loss,
    sink_lost: Loss,
    sink_works: bool,
    status_due: Instant,
    wait_for_source: Option<Instant>,
    handicaps: Vec<Handicap>,
}

impl AudioWorker {
    /// A worker that plays on `sink` and records nothing yet, and its desk.
    pub fn new(
        sender: AudioSender,
        reference: RenderReferenceSource,
        sink: Box<dyn AudioSink>,
        handicaps: &[Handicap],
        now: Instant,
    ) -> (Self, AudioDesk) {
        let (orders, orders_rx) = sync_channel(ORDER_QUEUE);
        let (packets, packets_rx) = sync_channel(PACKET_QUEUE);
        let status = Arc::<ArcSwap<AudioStatus>>::default();
        let positions = Arc::<ArcSwap<Positions>>::default();
        let (source_lost, sink_lost) = (Loss::default(), Loss::default());
        let desk = AudioDesk {
            orders,
            packets,
            status: status.clone(),
            positions: positions.clone(),
            source_lost: source_lost.clone(),
            sink_lost: sink_lost.clone(),
        };
        let worker = Self {
            orders: orders_rx,
            packets: packets_rx,
            source: None,
            source_works: false,
            sink,
            sender,
            reference,
            mixer: Mixer::new(),
            participants: BTreeMap::new(),
            recording: None,
            playback: None,
            status,
            positions,
            source_lost,
            sink_lost,
            sink_works: true,
            status_due: now,
            wait_for_source: None,
            handicaps: handicaps.to_vec(),
        };
        (worker, desk)
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                AudioOrder::Source(source, way_back) => {
                    self.source_lost.forget();
                    self.source_works = source.is_some();
                    self.wait_for_source = None;
                    self.forget_trial();
                    way_back.hand(std::mem::replace(&mut self.source, source));
                }
                AudioOrder::Sink(sink, way_back) => {
                    self.sink_lost.forget();
                    self.sink_works = true;
                    let sink = if self.handicaps.contains(&Handicap::LateSound) {
                        Box::new(LateSpeaker::new(sink))
                    } else {
                        sink
                    };
                    way_back.hand(std::mem::replace(&mut self.sink, sink));
                }
                AudioOrder::Add(id, link) => match AudioReceiver::handicapped(&self.handicaps) {
                    Ok(receiver) => {
                        let speaking = Speaking {
                            link,
                            sending: false,
                            receiver,
                        };
                        self.participants.insert(id, speaking);
                    }
                    Err(error) => tracing::error!(%error, "no decoder for a participant"),
                },
                AudioOrder::Remove(id) => {
                    self.participants.remove(&id);
                }
                AudioOrder::SetSending(id, sending) => {
                    if let Some(speaking) = self.participants.get_mut(&id) {
                        speaking.sending = sending;
                    }
                }
                AudioOrder::SetMuted(muted) => self.sender.set_muted(muted),
                AudioOrder::SetProcessing(processing, mode) => {
                    self.sender.set_processing(processing);
                    if let Err(error) = self.sender.set_mode(mode) {
                        tracing::warn!(%error, "the sound encoder stays as it was");
                    }
                }
                AudioOrder::Control(control) => {
                    if let Err(error) = self.sender.handle_control(control) {
                        tracing::warn!(%error, "the sound encoder stays as it was");
                    }
                }
                AudioOrder::Play(sound) => self.mixer.play(sound),
                AudioOrder::Stop(sound) => self.mixer.stop(sound),
                AudioOrder::Try => {
                    self.forget_trial();
                    self.recording = self
                        .source_works
                        .then(|| Vec::with_capacity(TRIAL_FRAMES * FRAME_SAMPLES));
                }
            }
        }
        while let Ok((from, packet)) = self.packets.try_recv() {
            if let Some(speaking) = self.participants.get_mut(&from) {
                speaking.receiver.handle_packet(packet);
            }
        }
    }

    /// What was said into one microphone is of no use after it.
    fn forget_trial(&mut self) {
        self.recording = None;
        self.playback = None;
    }

    fn play(&mut self, now: Instant) {
        let wanted = if self.sink_works {
            self.sink.demand(now)
        } else {
            0
        };
        for _ in 0..wanted {
            let pulled: Vec<_> = self
                .participants
                .iter_mut()
                .map(|(id, speaking)| (id.0, speaking.receiver.pull(now)))
                .collect();
            let trial = self.next_of_playback();
            let voices = pulled.iter().map(|(id, samples)| MixInput {
                id: *id,
                samples,
                volume: 1.0,
            });
            // No participant has this id: theirs are random.
            let trial = trial.iter().map(|samples| MixInput {
                id: u64::MAX,
                samples,
                volume: 1.0,
            });
            let mixed = self.mixer.mix(voices.chain(trial));
            self.reference.push(&mixed);
            if let Err(error) = self.sink.push(&mixed, now) {
                self.sink_lost.leave(error);
                self.sink_works = false;
                break;
            }
        }
        if wanted > 0 {
            let delay = self.sink.delay();
            let positions = self.participants.iter().filter_map(|(id, speaking)| {
                let rtp_timestamp = speaking.receiver.playing()?;
                Some((
                    *id,
                    MediaPosition {
                        rtp_timestamp,
                        at: now + delay,
                    },
                ))
            });
            self.positions.store(Arc::new(positions.collect()));
        }
    }

    fn next_of_playback(&mut self) -> Option<[f32; FRAME_SAMPLES]> {
        let (samples, position) = self.playback.as_mut()?;
        let frame = samples
            .get(*position..*position + FRAME_SAMPLES)?
            .try_into()
            .ok();
        *position += FRAME_SAMPLES;
        if *position >= samples.len() {
            self.playback = None;
        }
        frame
    }

    fn record(&mut self, now: Instant) {
        self.wait_for_source = None;
        while self.source_works
            && let Some(source) = &mut self.source
        {
            match source.pull(now) {
                Pull::Ready(frame) => {
                    if let Some(recording) = &mut self.recording {
                        recording.extend_from_slice(&frame.samples);
                        if recording.len() >= TRIAL_FRAMES * FRAME_SAMPLES {
                            self.playback = self.recording.take().map(|samples| (samples, 0));
                        }
                    }
                    if let Some(packet) = self.sender.handle_frame(frame) {
                        for speaking in self.participants.values().filter(|s| s.sending) {
                            speaking.link.send_rtp(std::slice::from_ref(&packet));
                        }
                    }
                }
                Pull::NotBefore(due) => {
                    self.wait_for_source = Some(due);
                    break;
                }
                Pull::Ended => {
                    self.source_works = false;
                    self.forget_trial();
                }
                Pull::Lost(error) => {
                    self.source_works = false;
                    self.source_lost.leave(error);
                    self.forget_trial();
                }
            }
        }
        if let Some(error) = self.sender.take_failure() {
            tracing::warn!(%error, "a part of the sound processing is off");
        }
    }

    fn write_status(&mut self, now: Instant) {
        let receivers = self.participants.iter_mut().map(|(id, speaking)| {
            let status = ReceiverStatus {
                level: speaking.receiver.level(),
                first_audio_at: speaking.receiver.first_audio_at(),
                stats: speaking.receiver.stats(now),
            };
            (*id, status)
        });
        let trial = match (&self.recording, &self.playback) {
            (Some(_), _) => Trial::Recording,
            (None, Some(_)) => Trial::Playing,
            (None, None) => Trial::Idle,
        };
        self.status.store(Arc::new(AudioStatus {
            level: if self.source_works {
                self.sender.level()
            } else {
                Level::default()
            },
            sender: self.sender.stats(),
            receivers: receivers.collect(),
            playout_delay: self.sink.delay(),
            trial,
            microphone_since: self.source.as_ref().and_then(|source| source.time_zero()),
            speaker_since: self.sink.time_zero(),
        }));
    }
}

impl Worker for AudioWorker {
    fn turn(&mut self, now: Instant) -> Turn {
        self.take_orders();
        self.play(now);
        self.record(now);
        if now >= self.status_due {
            self.status_due = now + STATUS_INTERVAL;
            self.write_status(now);
        }
        // A source that knows when it will have something saves turns; a device cannot say more
        // than its ring does.
        let next = now + DEVICE_INTERVAL;
        Turn::At(
            self.wait_for_source
                .map_or(next, |due| due.clamp(now, next)),
        )
    }
}

impl Drop for AudioWorker {
    /// What was counted stays readable after the worker has gone.
    fn drop(&mut self) {
        let now = self.status_due;
        self.write_status(now);
    }
}

#[cfg(test)]
#[path = "audio_worker_tests.rs"]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::audio_worker::Positions;
use super::loss::Loss;
use super::video_receiver::{VideoReceiver, VideoReceiverStats};
use super::video_sender::{VideoSender, VideoSenderStats};
use super::way_back::WayBack;
use super::worker::{Stopwatch, Turn, Worker};
use crate::call::ParticipantId;
use crate::capture::{DeviceError, Pull, VideoSource};
use crate::media::{Bitrate, EncoderControl, MediaKind, RtpPacket, SenderReport};
use crate::peer::PeerLink;
use crate::playout::{FrameSlot, VideoSink};

/// Packets that may wait for a turn: a few of the largest key frames. More are dropped, and asked
/// for again.
const PACKET_QUEUE: usize = 1_024;
/// Orders that may wait for a turn; a person cannot fill it.
const ORDER_QUEUE: usize = 64;
/// How often the status is written down.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);

/// What the engine tells the worker that sends pictures.
pub enum VideoOrder {
    /// Take pictures from this; none turns the camera off. The one before is handed back.
    Source(
        Option<Box<dyn VideoSource>>,
        WayBack<Option<Box<dyn VideoSource>>>,
    ),
    /// Be ready to send to this participant.
    Add(ParticipantId, Arc<dyn PeerLink>),
    /// Forget this participant.
    Remove(ParticipantId),
    /// Whether this participant gets our pictures: not while their line is down.
    SetSending(ParticipantId, bool),
    /// From the network; the bitrate is what sound takes, headers included.
    Control(EncoderControl, Bitrate),
}

/// How the sending of pictures is.
#[derive(Debug, Clone, Default)]
pub struct VideoOutStatus {
    /// What was sent.
    pub sender: VideoSenderStats,
    /// The time zero of the camera, if it has one.
    pub camera_since: Option<Instant>,
}

/// The other end of the worker that sends pictures.
#[derive(Clone)]
pub struct VideoOutDesk {
    orders: SyncSender<VideoOrder>,
    /// Not an order: others may ask as often as they like, and a full queue would lose orders.
    key_frame_wanted: Arc<AtomicBool>,
    picture_dropped: Arc<AtomicBool>,
    status: Arc<ArcSwap<VideoOutStatus>>,
    source_lost: Loss,
}

impl VideoOutDesk {
    /// A participant cannot decode; wake the worker then.
    pub fn want_key_frame(&self) {
        self.key_frame_wanted.store(true, Ordering::Release);
    }

    /// A picture did not leave; wake the worker then.
    pub fn handle_picture_dropped(&self) {
        self.picture_dropped.store(true, Ordering::Release);
    }

    /// Tells the worker something; wake it then.
    pub fn order(&self, order: VideoOrder) {
        if self.orders.try_send(order).is_err() {
            tracing::error!("the picture worker does not take orders");
        }
    }

    /// How it was a moment ago.
    pub fn status(&self) -> Arc<VideoOutStatus> {
        self.status.load_full()
    }

    /// Where word is left when the camera stops working.
    pub fn source_lost(&self) -> &Loss {
        &self.source_lost
    }
}

/// Camera to everybody, and to the self view.
pub struct VideoOutWorker {
    orders: Receiver<VideoOrder>,
    key_frame_wanted: Arc<AtomicBool>,
    picture_dropped: Arc<AtomicBool>,
    source: Option<Box<dyn VideoSource>>,
    sender: VideoSender,
    links: BTreeMap<ParticipantId, (Arc<dyn PeerLink>, bool)>,
    self_view: Arc<FrameSlot>,
    status: Arc<ArcSwap<VideoOutStatus>>,
    source_lost: Loss,
    status_due: Instant,
    stopwatch: Stopwatch,
}

impl VideoOutWorker {
    /// A worker without a camera, and its desk.
    pub fn new(
        sender: VideoSender,
        self_view: Arc<FrameSlot>,
        stopwatch: Stopwatch,
        now: Instant,
    ) -> (Self, VideoOutDesk) {
        let (orders, orders_rx) = sync_channel(ORDER_QUEUE);
        let status = Arc::<ArcSwap<VideoOutStatus>>::default();
        let source_lost = Loss::default();
        let key_frame_wanted = Arc::<AtomicBool>::default();
        let picture_dropped = Arc::<AtomicBool>::default();
        let desk = VideoOutDesk {
            orders,
            key_frame_wanted: key_frame_wanted.clone(),
            picture_dropped: picture_dropped.clone(),
            status: status.clone(),
            source_lost: source_lost.clone(),
        };
        let worker = Self {
            orders: orders_rx,
            key_frame_wanted,
            picture_dropped,
            source: None,
            sender,
            links: BTreeMap::new(),
            self_view,
            status,
            source_lost,
            status_due: now,
            stopwatch,
        };
        (worker, desk)
    }

    fn take_orders(&mut self, now: Instant) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                VideoOrder::Source(source, way_back) => {
                    self.source_lost.forget();
                    if source.is_some() {
                        self.sender.turn_on();
                    } else {
                        self.sender.turn_off();
                        self.self_view.clear();
                    }
                    way_back.hand(std::mem::replace(&mut self.source, source));
                }
                VideoOrder::Add(id, link) => {
                    self.links.insert(id, (link, false));
                }
                VideoOrder::Remove(id) => {
                    self.links.remove(&id);
                }
                VideoOrder::SetSending(id, sending) => {
                    if let Some((_, to_them)) = self.links.get_mut(&id) {
                        *to_them = sending;
                    }
                    self.sender.request_key_frame(now);
                }
                VideoOrder::Control(control, audio) => self.sender.handle_control(control, audio),
            }
        }
        if self.key_frame_wanted.swap(false, Ordering::AcqRel) {
            self.sender.request_key_frame(now);
        }
        if self.picture_dropped.swap(false, Ordering::AcqRel) {
            self.sender.handle_picture_dropped();
        }
    }

    /// Sends what the camera has; returns when to ask again.
    fn film(&mut self, now: Instant) -> Option<Instant> {
        loop {
            match self.source.as_mut()?.pull(now) {
                Pull::Ready(frame) => {
                    if self.links.values().any(|(_, sending)| *sending) {
                        self.send(&frame, now);
                    }
                    self.self_view.publish(Arc::new(frame));
                }
                Pull::NotBefore(due) => return Some(due),
                Pull::Ended => self.close_source(None),
                Pull::Lost(error) => self.close_source(Some(error)),
            }
        }
    }

    fn send(&mut self, frame: &crate::media::VideoFrame, now: Instant) {
        let began = self.stopwatch.start();
        match self.sender.handle_frame(frame, now) {
            Ok(packets) => {
                for (link, _) in self.links.values().filter(|(_, sending)| *sending) {
                    link.send_rtp(&packets);
                }
            }
            Err(error) => tracing::warn!(%error, "a picture was not encoded"),
        }
        self.sender
            .handle_encode_time(self.stopwatch.elapsed(began), now);
    }

    fn close_source(&mut self, lost: Option<DeviceError>) {
        self.source = None;
        if let Some(error) = lost {
            self.source_lost.leave(error);
        }
        self.sender.turn_off();
        self.self_view.clear();
    }

    fn write_status(&self, now: Instant) {
        self.status.store(Arc::new(VideoOutStatus {
            sender: self.sender.stats(now),
            camera_since: self.source.as_ref().and_then(|source| source.time_zero()),
        }));
    }
}

impl Worker for VideoOutWorker {
    fn turn(&mut self, now: Instant) -> Turn {
        self.take_orders(now);
        let due = self.film(now);
        if now >= self.status_due || due.is_none() {
            self.status_due = now + STATUS_INTERVAL;
            self.write_status(now);
        }
        due.map_or(Turn::WhenWoken, Turn::At)
    }
}

impl Drop for VideoOutWorker {
    /// What was counted stays readable after the worker has gone.
    fn drop(&mut self) {
        self.write_status(self.status_due);
    }
}

/// What the engine tells the worker that receives pictures.
pub enum VideoInOrder {
    /// Show this participant's pictures there.
    Add(ParticipantId, Arc<dyn PeerLink>, Arc<FrameSlot>),
    /// Forget this participant.
    Remove(ParticipantId),
    /// Their camera is off: what is missing is not missing, and what still comes is not shown.
    Paused(ParticipantId),
    /// Their camera is on again.
    Resumed(ParticipantId),
    /// The latest measured round trip.
    RoundTrip(ParticipantId, Duration),
}

/// How the receiving of pictures is, by whom they come from.
pub type VideoInStatus = BTreeMap<ParticipantId, VideoReceiverStats>;

/// The latest report for lip-sync of each stream, until it is looked at. Not an order: others may
/// send as many as they like, and a full queue would lose orders.
type Reports = Arc<Mutex<BTreeMap<(ParticipantId, MediaKind), SenderReport>>>;

/// The other end of the worker that receives pictures.
#[derive(Clone)]
pub struct VideoInDesk {
    orders: SyncSender<VideoInOrder>,
    packets: SyncSender<(ParticipantId, RtpPacket)>,
    reports: Reports,
    status: Arc<ArcSwap<VideoInStatus>>,
    fault: Arc<ArcSwapOption<DeviceError>>,
}

impl VideoInDesk {
    /// Tells the worker something; wake it then.
    pub fn order(&self, order: VideoInOrder) {
        if self.orders.try_send(order).is_err() {
            tracing::error!("the picture worker does not take orders");
        }
    }

    /// Hands it a report for lip-sync, in place of an earlier one; wake it then.
    pub fn push_report(&self, from: ParticipantId, report: SenderReport) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.insert((from, report.kind), report);
    }

    /// Hands it a packet; wake it then. `false` if it has too many already.
    pub fn push_packet(&self, from: ParticipantId, packet: RtpPacket) -> bool {
        !matches!(
            self.packets.try_send((from, packet)),
            Err(TrySendError::Full(_))
        )
    }

    /// How it was a moment ago.
    pub fn status(&self) -> Arc<VideoInStatus> {
        self.status.load_full()
    }

    /// Why pictures are no longer written down.
    pub fn sink_fault(&self) -> Option<Arc<DeviceError>> {
        self.fault.load_full()
    }
}

struct Watched {
    link: Arc<dyn PeerLink>,
    slot: Arc<FrameSlot>,
    receiver: VideoReceiver,
}

/// Everybody's pictures to their slots, in time with their sound.
pub struct VideoInWorker {
    orders: Receiver<VideoInOrder>,
    packets: Receiver<(ParticipantId, RtpPacket)>,
    reports: Reports,
    watched: BTreeMap<ParticipantId, Watched>,
    positions: Arc<ArcSwap<Positions>>,
    sink: Option<Box<dyn VideoSink>>,
    status: Arc<ArcSwap<VideoInStatus>>,
    fault: Arc<ArcSwapOption<DeviceError>>,
    status_due: Instant,
    stopwatch: Stopwatch,
}

impl VideoInWorker {
    /// A worker that also shows every picture to `sink`, and its desk.
    pub fn new(
        positions: Arc<ArcSwap<Positions>>,
        sink: Option<Box<dyn VideoSink>>,
        stopwatch: Stopwatch,
        now: Instant,
    ) -> (Self, VideoInDesk) {
        let (orders, orders_rx) = sync_channel(ORDER_QUEUE);
        let (packets, packets_rx) = sync_channel(PACKET_QUEUE);
        let status = Arc::<ArcSwap<VideoInStatus>>::default();
        let fault = Arc::<ArcSwapOption<DeviceError>>::default();
        let reports = Reports::default();
        let desk = VideoInDesk {
            orders,
            packets,
            reports: reports.clone(),
            status: status.clone(),
            fault: fault.clone(),
        };
        let worker = Self {
            orders: orders_rx,
            packets: packets_rx,
            reports,
            watched: BTreeMap::new(),
            positions,
            sink,
            status,
            fault,
            status_due: now,
            stopwatch,
        };
        (worker, desk)
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                VideoInOrder::Add(id, link, slot) => {
                    let receiver = VideoReceiver::vp8();
                    self.watched.insert(
                        id,
                        Watched {
                            link,
                            slot,
                            receiver,
                        },
                    );
                }
                VideoInOrder::Remove(id) => {
                    if let Some(watched) = self.watched.remove(&id) {
                        watched.slot.clear();
                    }
                }
                VideoInOrder::Paused(id) => {
                    if let Some(watched) = self.watched.get_mut(&id) {
                        watched.receiver.handle_paused();
                        watched.slot.clear();
                    }
                }
                VideoInOrder::Resumed(id) => {
                    if let Some(watched) = self.watched.get_mut(&id) {
                        watched.receiver.handle_resumed();
                    }
                }
                VideoInOrder::RoundTrip(id, round_trip) => {
                    if let Some(watched) = self.watched.get_mut(&id) {
                        watched.receiver.handle_round_trip_time(round_trip);
                    }
                }
            }
        }
        let reports = {
            let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *reports)
        };
        for ((from, _), report) in reports {
            if let Some(watched) = self.watched.get_mut(&from) {
                watched.receiver.handle_sender_report(report);
            }
        }
        while let Ok((from, packet)) = self.packets.try_recv() {
            if let Some(watched) = self.watched.get_mut(&from) {
                watched.receiver.handle_packet(&packet);
            }
        }
    }

    fn show(&mut self, now: Instant) -> Option<Instant> {
        let positions = self.positions.load();
        for (id, watched) in &mut self.watched {
            let began = self.stopwatch.start();
            let picture = watched.receiver.poll(now, positions.get(id).copied());
            watched
                .receiver
                .handle_decode_time(self.stopwatch.elapsed(began));
            if let Some(picture) = picture {
                if let Some(sink) = &mut self.sink
                    && let Err(error) = sink.push(&picture, now)
                {
                    self.fault.store(Some(Arc::new(error)));
                    self.sink = None;
                }
                watched.slot.publish(picture);
            }
            if watched.receiver.poll_key_frame_request(now) {
                watched.link.request_key_frame();
            }
        }
        self.watched
            .values()
            .filter_map(|watched| watched.receiver.next_wake())
            .min()
    }

    fn write_status(&self, now: Instant) {
        let status = self
            .watched
            .iter()
            .map(|(id, watched)| (*id, watched.receiver.stats(now)));
        self.status.store(Arc::new(status.collect()));
    }
}

impl Worker for VideoInWorker {
    fn turn(&mut self, now: Instant) -> Turn {
        self.take_orders();
        let due = self.show(now);
        if now >= self.status_due {
            self.status_due = now + STATUS_INTERVAL;
            self.write_status(now);
        }
        // A packet wakes it; without any, gaps and freezes are still to be noticed.
        let idle = now + STATUS_INTERVAL;
        Turn::At(due.map_or(idle, |due| due.clamp(now, idle)))
    }
}

impl Drop for VideoInWorker {
    /// What was counted stays readable after the worker has gone.
    fn drop(&mut self) {
        self.write_status(self.status_due);
    }
}

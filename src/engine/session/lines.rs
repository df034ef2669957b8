use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Session;
use crate::call::{ControlMessage, DescriptionKind, ParticipantId};
use crate::engine::SessionEvent;
use crate::engine::media::Media;
use crate::engine::report::{ParticipantCounters, ParticipantReport};
use crate::engine::statistics::Statistics;
use crate::engine::video_worker::VideoInOrder;
use crate::media::{EncoderControl, Level, RtpPacket};
use crate::peer::runtime::timeout;
use crate::peer::{PeerError, PeerEvent, PeerLink, PeerObserver};
use crate::playout::FrameSlot;
use crate::trust::{PublicIdentity, SafetyPhrase};

/// A negotiation step that takes longer than this has failed.
const NEGOTIATION_PATIENCE: Duration = Duration::from_secs(8);
/// How long a closing line may take.
const CLOSE_PATIENCE: Duration = Duration::from_millis(400);
/// How often goodbye is said on a line before it closes.
const FAREWELLS: u32 = 3;
/// From one goodbye to the next, and from the last to the end: each leaves in a packet of its own.
const FAREWELL_INTERVAL: Duration = Duration::from_millis(20);

/// A line, and what is known of whom it leads to.
pub(super) struct Linked {
    /// None while it is being made.
    pub(super) link: Option<Arc<dyn PeerLink>>,
    pub(super) identity: PublicIdentity,
    pub(super) phrase: SafetyPhrase,
    pub(super) name: String,
    pub(super) muted: bool,
    pub(super) camera_on: bool,
    pub(super) hears_us: Option<(Level, Instant)>,
    pub(super) their_loss: f32,
    pub(super) control: Option<EncoderControl>,
    pub(super) counters: ParticipantCounters,
    pub(super) statistics: Statistics,
    pub(super) control_open: bool,
}

/// Passes what a line reports to where it is wanted: media straight to its worker.
struct Observer {
    participant: ParticipantId,
    media: Arc<Media>,
    events: mpsc::Sender<(ParticipantId, PeerEvent)>,
    /// How much comes here is up to the other side.
    talk: mpsc::Sender<(ParticipantId, PeerEvent)>,
}

impl PeerObserver for Observer {
    fn handle_rtp(&self, packet: RtpPacket) {
        self.media.push_packet(self.participant, packet);
    }

    fn handle_event(&self, event: PeerEvent) {
        match event {
            PeerEvent::SenderReport(report) => self.media.push_report(self.participant, report),
            PeerEvent::KeyFrameRequested => self.media.want_key_frame(),
            PeerEvent::PictureDropped => self.media.handle_picture_dropped(),
            PeerEvent::EncoderControl(_) | PeerEvent::Control(_) => {
                if self.talk.try_send((self.participant, event)).is_err() {
                    tracing::debug!("the other side says more than can be heard");
                }
            }
            PeerEvent::Candidate(_) | PeerEvent::Connection(_) | PeerEvent::ControlOpen => {
                if self.events.try_send((self.participant, event)).is_err() {
                    tracing::debug!("a report of a line was dropped");
                }
            }
        }
    }
}

impl Session {
    pub(super) fn handle_peer(&mut self, id: ParticipantId, event: PeerEvent) {
        let now = self.runtime.now();
        match event {
            PeerEvent::Candidate(candidate) => {
                if self.relay.handle_candidate(&candidate) {
                    self.report(SessionEvent::NoRelay);
                }
                self.sealed.call_mut().handle_local_candidate(id, candidate);
            }
            PeerEvent::Connection(state) => {
                tracing::debug!(?state, "line");
                self.sealed.call_mut().handle_connection(id, state, now);
            }
            PeerEvent::EncoderControl(control) => self.handle_control(id, control),
            PeerEvent::ControlOpen => {
                if let Some(linked) = self.links.get_mut(&id) {
                    linked.control_open = true;
                }
                self.send_states();
            }
            PeerEvent::Control(bytes) => self.handle_control_message(id, &bytes, now),
            PeerEvent::KeyFrameRequested
            | PeerEvent::PictureDropped
            | PeerEvent::SenderReport(_) => {}
        }
    }

    /// One encoder serves everybody: what the weakest line bears.
    fn handle_control(&mut self, id: ParticipantId, control: EncoderControl) {
        let Some(linked) = self.links.get_mut(&id) else {
            return;
        };
        linked.control = Some(control);
        if let Some(round_trip) = control.round_trip_time {
            self.media
                .order_video_in(VideoInOrder::RoundTrip(id, round_trip));
        }
        let weakest = self
            .links
            .values()
            .filter_map(|linked| linked.control)
            .reduce(|a, b| EncoderControl {
                target_bitrate: a.target_bitrate.min(b.target_bitrate),
                loss: a.loss.max(b.loss),
                round_trip_time: a.round_trip_time.max(b.round_trip_time),
            });
        if let Some(weakest) = weakest {
            self.media.control(weakest);
        }
    }

    fn handle_control_message(&mut self, id: ParticipantId, bytes: &Bytes, now: Instant) {
        match ControlMessage::decode(bytes) {
            Ok(ControlMessage::State {
                muted,
                camera_on,
                hears,
                loss,
            }) => {
                let Some(linked) = self.links.get_mut(&id) else {
                    return;
                };
                if linked.camera_on != camera_on {
                    let order = if camera_on {
                        VideoInOrder::Resumed
                    } else {
                        VideoInOrder::Paused
                    };
                    self.media.order_video_in(order(id));
                }
                linked.muted = muted;
                linked.camera_on = camera_on;
                linked.their_loss = loss;
                linked.hears_us = hears.map(|rms| (Level { rms, peak: rms }, now));
            }
            Ok(ControlMessage::Bye) => self.sealed.call_mut().handle_control_bye(id),
            Err(error) => tracing::debug!(%error, "a control message was not understood"),
        }
    }

    pub(super) async fn open_link(&mut self, id: ParticipantId) {
        let observer = Arc::new(Observer {
            participant: id,
            media: self.media.clone(),
            events: self.peer_events_tx.clone(),
            talk: self.talk_tx.clone(),
        });
        let Some(person) = self.person(id) else {
            return;
        };
        let mut config = self.options.peer.clone();
        config.relay_only |= !self.options.direct_with.allows(&person);
        let making = self.factory.create(config, observer);
        let link = match self.patiently(making).await {
            Ok(link) => link,
            Err(error) => {
                // The error may name a server of the settings.
                tracing::warn!("no line can be made");
                tracing::debug!(%error, "why no line can be made");
                self.sealed.call_mut().handle_link_fault(id);
                return;
            }
        };
        let slot = Arc::new(FrameSlot::new());
        self.media.add(id, &link, slot.clone());
        self.slots.insert(id, slot);
        self.pictures.set_others(self.slots.clone());
        let linked = Linked {
            link: Some(link),
            identity: person.identity,
            phrase: person.phrase,
            name: person.name,
            muted: false,
            camera_on: true,
            hears_us: None,
            their_loss: 0.0,
            control: None,
            counters: ParticipantCounters::default(),
            statistics: Statistics::default(),
            control_open: false,
        };
        self.links.insert(id, linked);
    }

    pub(super) async fn close_link(&mut self, id: ParticipantId) {
        self.count_one(id, self.runtime.now()).await;
        self.media.remove(id);
        self.slots.remove(&id);
        self.pictures.set_others(self.slots.clone());
        let Some(mut linked) = self.links.remove(&id) else {
            return;
        };
        self.finished
            .push(ParticipantReport::from(&linked.counters));
        if let Some(link) = linked.link.take() {
            // The server may be gone; the line itself carries the goodbye as well. More than once,
            // for what is lost of a line that closes is not sent again.
            for _ in 0..FAREWELLS {
                if !link.send_control(ControlMessage::Bye.encode().into()) {
                    break;
                }
                self.runtime.sleep(FAREWELL_INTERVAL).await;
            }
            let closing = timeout(&*self.runtime, CLOSE_PATIENCE, link.close());
            if closing.await.is_err() {
                tracing::debug!("a line takes long to close");
            }
        }
    }

    pub(super) async fn patiently<T>(
        &self,
        step: impl Future<Output = Result<T, PeerError>>,
    ) -> Result<T, PeerError> {
        timeout(&*self.runtime, NEGOTIATION_PATIENCE, step)
            .await
            .unwrap_or_else(|_| Err(PeerError::Failed("it took too long".into())))
    }

    pub(super) fn described(
        &mut self,
        participant: ParticipantId,
        kind: DescriptionKind,
        description: Result<String, PeerError>,
    ) {
        match description {
            Ok(sdp) => self
                .sealed
                .call_mut()
                .handle_local_description(participant, kind, sdp),
            Err(error) => {
                tracing::debug!(%error, "a description was of no use");
                self.sealed.call_mut().handle_link_fault(participant);
            }
        }
    }

    pub(super) fn link_of(&self, participant: ParticipantId) -> Option<Arc<dyn PeerLink>> {
        self.links.get(&participant)?.link.clone()
    }

    /// Tells everybody how we are and how we hear them.
    pub(super) fn send_states(&self) {
        let status = self.media.audio().status();
        let (muted, camera_on) = self.announced;
        for (id, linked) in self.links.iter().filter(|(_, linked)| linked.control_open) {
            let arrives = linked.statistics.sound_arrives();
            let hears = arrives
                .then(|| status.receivers.get(id).map(|receiver| receiver.level.rms))
                .flatten();
            let loss = linked.statistics.loss_in();
            let state = ControlMessage::State {
                muted,
                camera_on,
                hears,
                loss,
            };
            if let Some(link) = &linked.link {
                link.send_control(state.encode().into());
            }
        }
    }

    pub(super) async fn count(&mut self, now: Instant) {
        let everybody: Vec<_> = self.links.keys().copied().collect();
        for id in everybody {
            self.count_one(id, now).await;
        }
    }

    async fn count_one(&mut self, id: ParticipantId, now: Instant) {
        let Some(link) = self.link_of(id) else { return };
        let peer = timeout(&*self.runtime, CLOSE_PATIENCE, link.stats())
            .await
            .ok();
        let (audio, video) = (self.media.audio().status(), self.media.video_in().status());
        let video_sender = self.media.video_out().status().sender.clone();
        let Some(linked) = self.links.get_mut(&id) else {
            return;
        };
        let counters = &mut linked.counters;
        if let Some(peer) = peer {
            counters.peer = peer;
        }
        counters.audio_sender = audio.sender;
        counters.video_sender = video_sender;
        if let Some(receiver) = audio.receivers.get(&id) {
            counters.audio_receiver = receiver.stats;
        }
        if let Some(receiver) = video.get(&id) {
            counters.video_receiver = receiver.clone();
        }
        linked.statistics.push(
            &linked.counters,
            audio.playout_delay,
            linked.their_loss,
            now,
        );
        let name = linked.name.clone();
        linked.statistics.describe(&name, linked.camera_on);
    }
}

//! Makes connections of `webrtc`.

use std::sync::Arc;

use async_trait::async_trait;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder};
use webrtc::runtime::Runtime;

use super::control::{self, Control};
use super::dtls_flights::Handshake;
use super::events::Events;
use super::guard::GuardedRuntime;
use super::link::{Core, Media, WebrtcLink};
use super::network::{self, BindAddresses};
use super::outbox::Outbox;
use super::runtime::for_connection;
use super::shared::Shared;
use super::{
    ConnectionState, PeerConfig, PeerError, PeerFactory, PeerLink, PeerObserver, chain, codecs,
};
use crate::media::MediaKind;

/// Makes [`WebrtcLink`]s, each on a runtime of its own making.
pub struct WebrtcFactory {
    runtime: Box<dyn Fn() -> Arc<dyn Runtime> + Send + Sync>,
}

impl WebrtcFactory {
    /// Connections that run on what `runtime` returns, asked once for each.
    pub fn new(runtime: impl Fn() -> Arc<dyn Runtime> + Send + Sync + 'static) -> Self {
        Self {
            runtime: Box::new(runtime),
        }
    }
}

pub(super) fn failed(error: webrtc::error::Error) -> PeerError {
    PeerError::Failed(error.to_string())
}

impl WebrtcFactory {
    /// A new connection, known for what it is.
    pub(crate) async fn connect(
        &self,
        config: PeerConfig,
        observer: Arc<dyn PeerObserver>,
    ) -> Result<WebrtcLink, PeerError> {
        let runtime = (self.runtime)();
        let configuration = network::configuration(&config)?;
        let now = runtime.now();
        let shared = Arc::new(Shared::new(&config, observer, now));
        let (control, queue) = Control::new(Arc::clone(&shared));
        let orphaned = Arc::clone(&shared);
        let handshake = Arc::<Handshake>::default();
        let guarded = GuardedRuntime::new(
            for_connection(Arc::clone(&runtime)),
            Arc::clone(&handshake),
            move || orphaned.set_connection(ConnectionState::Failed),
        );
        let events = Events {
            shared: Arc::clone(&shared),
            runtime: Arc::clone(&runtime),
            control: Arc::downgrade(&control),
            handshake,
        };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(configuration)
                .with_media_engine(codecs::media_engine().map_err(failed)?)
                .with_setting_engine(network::settings(&config))
                .with_interceptor_registry(chain::registry(&shared, &config, now))
                .with_runtime(Arc::new(guarded))
                .with_handler(Arc::new(events))
                .with_udp_addrs(vec![BindAddresses::of(&config)])
                .build()
                .await
                .map_err(failed)?,
        );
        let media = match tracks(&connection, &shared).await {
            Ok(media) => media,
            Err(error) => {
                let _ = connection.close().await;
                return Err(failed(error));
            }
        };
        let channel = match connection
            .create_data_channel(control::LABEL, Some(control::options()))
            .await
        {
            Ok(channel) => channel,
            Err(error) => {
                let _ = connection.close().await;
                return Err(failed(error));
            }
        };
        control.attach(&*runtime, channel);
        let outbox = Arc::new(Outbox::default());
        let writer = Arc::clone(&outbox).run(media.audio.clone(), media.video.clone());
        runtime.spawn(Box::pin(writer)).detach();
        runtime
            .spawn(Box::pin(Arc::clone(&control).send_all(queue)))
            .detach();
        let core = Core::new(
            Arc::clone(&runtime),
            connection,
            shared,
            media,
            outbox,
            control,
        );
        Ok(WebrtcLink::new(core, &*runtime))
    }
}

#[async_trait]
impl PeerFactory for WebrtcFactory {
    async fn create(
        &self,
        config: PeerConfig,
        observer: Arc<dyn PeerObserver>,
    ) -> Result<Arc<dyn PeerLink>, PeerError> {
        Ok(Arc::new(self.connect(config, observer).await?))
    }
}

/// Sound, then pictures, in every description of ours.
async fn tracks(
    connection: &Arc<dyn PeerConnection>,
    shared: &Shared,
) -> webrtc::error::Result<Media> {
    let audio = Arc::new(codecs::track(MediaKind::Audio, &shared.ssrcs));
    let video = Arc::new(codecs::track(MediaKind::Video, &shared.ssrcs));
    let audio_transceiver = connection
        .add_transceiver_from_track(Arc::clone(&audio) as Arc<dyn TrackLocal>, None)
        .await?;
    let video_transceiver = connection
        .add_transceiver_from_track(Arc::clone(&video) as Arc<dyn TrackLocal>, None)
        .await?;
    Ok(Media {
        audio,
        video,
        audio_transceiver,
        video_transceiver,
    })
}

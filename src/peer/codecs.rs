//! What we can send and receive, and the two tracks of a call.

use rtc::interceptor::StreamInfo;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use webrtc::error::Result;
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::MediaEngine;

use crate::media::{AUDIO_CLOCK_HZ, MediaKind, VIDEO_CLOCK_HZ};

const AUDIO_PAYLOAD_TYPE: u8 = 111;
const VIDEO_PAYLOAD_TYPE: u8 = 96;
const VIDEO_RTX_PAYLOAD_TYPE: u8 = 97;

/// The SSRCs that we send with, the same for the whole call.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalSsrcs {
    pub(super) audio: u32,
    pub(super) video: u32,
    /// Always there: without it `rtc-interceptor` 0.21.1 resends a lost packet under its own
    /// sequence number, which uses an AES-GCM nonce twice.
    pub(super) video_rtx: u32,
}

impl LocalSsrcs {
    /// Three different random numbers.
    pub(super) fn random() -> Self {
        let first: u32 = rand::random();
        Self {
            audio: first,
            video: first.wrapping_add(1 + rand::random_range(0..1 << 20)),
            video_rtx: first.wrapping_sub(1 + rand::random_range(0..1 << 20)),
        }
    }

    /// Which of our streams this is, retransmissions counted as what they repair.
    pub(super) fn kind_of(&self, ssrc: u32) -> Option<MediaKind> {
        match ssrc {
            ssrc if ssrc == self.audio => Some(MediaKind::Audio),
            ssrc if ssrc == self.video || ssrc == self.video_rtx => Some(MediaKind::Video),
            _ => None,
        }
    }
}

fn feedback(typ: &str, parameter: &str) -> RTCPFeedback {
    RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    }
}

/// The codec of `kind`, as it stands in our descriptions.
pub(super) fn codec(kind: MediaKind) -> RTCRtpCodec {
    match kind {
        MediaKind::Audio => RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.to_owned(),
            clock_rate: AUDIO_CLOCK_HZ,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
            rtcp_feedback: vec![feedback("transport-cc", "")],
        },
        MediaKind::Video => RTCRtpCodec {
            mime_type: MIME_TYPE_VP8.to_owned(),
            clock_rate: VIDEO_CLOCK_HZ,
            channels: 0,
            sdp_fmtp_line: String::new(),
            rtcp_feedback: vec![
                feedback("nack", ""),
                feedback("nack", "pli"),
                feedback("ccm", "fir"),
                feedback("transport-cc", ""),
            ],
        },
    }
}

/// Opus, VP8 and its retransmission format, and nothing else.
pub(super) fn media_engine() -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    engine.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: codec(MediaKind::Audio),
            payload_type: AUDIO_PAYLOAD_TYPE,
        },
        RtpCodecKind::Audio,
    )?;
    engine.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: codec(MediaKind::Video),
            payload_type: VIDEO_PAYLOAD_TYPE,
        },
        RtpCodecKind::Video,
    )?;
    engine.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: MIME_TYPE_RTX.to_owned(),
                clock_rate: VIDEO_CLOCK_HZ,
                channels: 0,
                sdp_fmtp_line: format!("apt={VIDEO_PAYLOAD_TYPE}"),
                rtcp_feedback: Vec::new(),
            },
            payload_type: VIDEO_RTX_PAYLOAD_TYPE,
        },
        RtpCodecKind::Video,
    )?;
    for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
        engine.register_header_extension(
            RTCRtpHeaderExtensionCapability {
                uri: TRANSPORT_CC_URI.to_owned(),
            },
            kind,
            None,
        )?;
    }
    Ok(engine)
}

/// A track for the whole call: what is sent on it is switched before it. (`replace_track` of
/// `webrtc` 0.21.1 never binds the new track.)
pub(super) fn track(kind: MediaKind, ssrcs: &LocalSsrcs) -> TrackLocalStaticRTP {
    let (name, codec_kind, ssrc, rtx) = match kind {
        MediaKind::Audio => ("audio", RtpCodecKind::Audio, ssrcs.audio, None),
        MediaKind::Video => (
            "video",
            RtpCodecKind::Video,
            ssrcs.video,
            Some(RTCRtpRtxParameters {
                ssrc: ssrcs.video_rtx,
            }),
        ),
    };
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "twocan".to_owned(),
        format!("twocan-{name}"),
        name.to_owned(),
        codec_kind,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx,
                ..Default::default()
            },
            active: true,
            codec: codec(kind),
            ..Default::default()
        }],
    ))
}

/// Sound or picture, by the name of its codec.
pub(super) fn kind_of(info: &StreamInfo) -> Option<MediaKind> {
    let (kind, _) = info.mime_type.split_once('/')?;
    match kind {
        kind if kind.eq_ignore_ascii_case("audio") => Some(MediaKind::Audio),
        kind if kind.eq_ignore_ascii_case("video") => Some(MediaKind::Video),
        _ => None,
    }
}

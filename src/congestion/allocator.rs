use crate::media::Bitrate;

/// What every media packet carries besides its RTP packet: IPv4 (20), UDP (8), and the tag of SRTP with
/// AES-GCM (16, RFC 7714).
pub const WIRE_OVERHEAD: usize = 20 + 8 + 16;

/// An RTP header (12) with the transport-wide sequence number in an extension (8).
const RTP_OVERHEAD: usize = 20;
/// Opus at 20 ms.
const AUDIO_PACKETS_PER_SECOND: u64 = 50;
/// What a packet of a large picture carries.
const VIDEO_PAYLOAD: f64 = 1_150.0;
/// Encoders overshoot; this stays free.
const VIDEO_HEADROOM: f64 = 0.95;
/// Pictures below this help nobody, and their bits are better left to the sound.
const MIN_VIDEO: Bitrate = Bitrate::from_kbps(40);

/// How much each codec may make, in bits of payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// For the sound.
    pub audio: Bitrate,
    /// For the pictures; zero if it is not worth it.
    pub video: Bitrate,
}

/// Shares a target among sound and pictures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allocator;

impl Allocator {
    /// Shares `target` (all on the wire, retransmissions included) at a `loss` of 0.0..=1.0; sound gets
    /// its part first, and headers and retransmissions are counted off.
    pub fn allocate(target: Bitrate, loss: f32) -> Allocation {
        let audio = match target.bps() {
            0..100_000 => Bitrate::from_kbps(16),
            100_000..250_000 => Bitrate::from_kbps(24),
            250_000..1_000_000 => Bitrate::from_kbps(32),
            _ => Bitrate::from_kbps(48),
        };
        let audio_on_wire = audio.bps() + AUDIO_PACKETS_PER_SECOND * 8 * packet_overhead() as u64;
        let left = target.bps().saturating_sub(audio_on_wire) as f64;
        let payload_share = VIDEO_PAYLOAD / (VIDEO_PAYLOAD + packet_overhead() as f64);
        // Each lost packet goes again, and so does what is lost of these.
        let loss = f64::from(loss.clamp(0.0, 0.5));
        let video = left * payload_share * (1.0 - loss) * VIDEO_HEADROOM;
        let video = Bitrate(video as u64);
        Allocation {
            audio,
            video: if video < MIN_VIDEO { Bitrate(0) } else { video },
        }
    }
}

fn packet_overhead() -> usize {
    WIRE_OVERHEAD + RTP_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_wire(allocation: Allocation, loss: f64) -> f64 {
        let video_packets = allocation.video.bps() as f64 / 8.0 / 1_100.0;
        let audio = allocation.audio.bps() as f64 + 50.0 * 64.0 * 8.0;
        audio + (allocation.video.bps() as f64 + video_packets * 64.0 * 8.0) / (1.0 - loss)
    }

    #[test]
    fn what_is_shared_out_fits_the_target_with_headers_and_retransmissions() {
        for target in [100, 200, 300, 500, 1_000, 2_500] {
            for loss in [0.0, 0.02, 0.1, 0.3] {
                let allocation = Allocator::allocate(Bitrate::from_kbps(target), loss as f32);
                let used = on_wire(allocation, loss) / 1_000.0;
                assert!(
                    used <= target as f64,
                    "{target} kb/s at {loss}: {used} kb/s"
                );
                if target >= 300 {
                    assert!(
                        used >= 0.9 * target as f64,
                        "{target} kb/s at {loss}: {used} kb/s"
                    );
                }
            }
        }
    }

    #[test]
    fn sound_survives_where_pictures_do_not() {
        let allocation = Allocator::allocate(Bitrate::from_kbps(60), 0.1);
        assert_eq!(allocation.video, Bitrate(0));
        assert!(allocation.audio >= Bitrate::from_kbps(16));
        assert!(Allocator::allocate(Bitrate(0), 1.0).audio > Bitrate(0));
    }
}

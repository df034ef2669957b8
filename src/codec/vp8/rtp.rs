//! VP8 over RTP (RFC 7741): a frame cut into payloads, and the descriptor before each of them read.

use bytes::{BufMut, Bytes, BytesMut};

/// The largest payload, descriptor included. With the RTP header and its extensions, SRTP's tag and
/// two bytes of RTX it stays within 1,200, which every path carries.
pub const MAX_PAYLOAD: usize = 1_160;
/// Bytes of the descriptor that [`Packetizer`] writes: the required byte, the extension byte and a
/// picture id of 15 bits.
const DESCRIPTOR: usize = 4;
const PICTURE_ID_MASK: u16 = 0x7fff;

/// Cuts frames into RTP payloads and counts pictures.
#[derive(Debug)]
pub struct Packetizer {
    next_picture_id: u16,
}

impl Packetizer {
    /// Begins at `first_picture_id`, which should be random (RFC 7741 section 4.2); only its low 15
    /// bits count.
    pub fn new(first_picture_id: u16) -> Self {
        Self {
            next_picture_id: first_picture_id & PICTURE_ID_MASK,
        }
    }

    /// The payloads of the next frame, in order, none over [`MAX_PAYLOAD`] and nearly equal in size
    /// (small last packets would be lost as often as large ones). The last one takes the marker.
    pub fn packetize(&mut self, frame: &[u8]) -> Vec<Bytes> {
        let picture_id = self.next_picture_id;
        self.next_picture_id = (picture_id + 1) & PICTURE_ID_MASK;
        let count = frame.len().div_ceil(MAX_PAYLOAD - DESCRIPTOR);
        let mut rest = frame;
        (0..count)
            .map(|index| {
                let (part, after) = rest.split_at(rest.len().div_ceil(count - index));
                rest = after;
                let mut payload = BytesMut::with_capacity(DESCRIPTOR + part.len());
                // X, and S on the first; the frame counts as one partition (index 0).
                payload.put_u8(if index == 0 { 0x90 } else { 0x80 });
                payload.put_u8(0x80);
                payload.put_u16(0x8000 | picture_id);
                payload.put_slice(part);
                payload.freeze()
            })
            .collect()
    }
}

/// The counter of pictures, in the width that its sender chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    /// 7 or 15 bits.
    pub value: u16,
    /// The highest value before it wraps: 0x7f or 0x7fff.
    pub max: u16,
}

impl PictureId {
    /// Whether this picture is the very next after `earlier`.
    pub fn follows(self, earlier: Self) -> bool {
        self.max == earlier.max && self.value == earlier.value.wrapping_add(1) & self.max
    }
}

/// What stands before the codec's bytes in every payload (RFC 7741 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// No other picture leans on this one (N).
    pub non_reference: bool,
    /// This payload begins a partition (S).
    pub start_of_partition: bool,
    /// Which partition (PID).
    pub partition: u8,
    /// Which picture (I).
    pub picture_id: Option<PictureId>,
    /// Counts the pictures of the base temporal layer (L).
    pub base_layer_index: Option<u8>,
    /// The temporal layer (T).
    pub temporal_layer: Option<u8>,
    /// The layer leans on the base layer only (Y).
    pub layer_sync: bool,
    /// Counts key frames (K).
    pub key_index: Option<u8>,
}

impl Descriptor {
    /// Whether this payload begins a picture.
    pub fn starts_frame(&self) -> bool {
        self.start_of_partition && self.partition == 0
    }

    /// Splits a payload into its descriptor and the codec's bytes, which are never empty; `None` if
    /// it is cut short.
    pub fn parse(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&first, mut rest) = payload.split_first()?;
        let mut byte = || -> Option<u8> {
            let (&value, after) = rest.split_first()?;
            rest = after;
            Some(value)
        };
        let mut descriptor = Self {
            non_reference: first & 0x20 != 0,
            start_of_partition: first & 0x10 != 0,
            partition: first & 0x0f,
            picture_id: None,
            base_layer_index: None,
            temporal_layer: None,
            layer_sync: false,
            key_index: None,
        };
        if first & 0x80 != 0 {
            let present = byte()?;
            if present & 0x80 != 0 {
                let high = byte()?;
                descriptor.picture_id = Some(if high & 0x80 != 0 {
                    PictureId {
                        value: u16::from_be_bytes([high & 0x7f, byte()?]),
                        max: PICTURE_ID_MASK,
                    }
                } else {
                    PictureId {
                        value: u16::from(high),
                        max: 0x7f,
                    }
                });
            }
            if present & 0x40 != 0 {
                descriptor.base_layer_index = Some(byte()?);
            }
            if present & 0x30 != 0 {
                let layers = byte()?;
                if present & 0x20 != 0 {
                    descriptor.temporal_layer = Some(layers >> 6);
                    descriptor.layer_sync = layers & 0x20 != 0;
                }
                if present & 0x10 != 0 {
                    descriptor.key_index = Some(layers & 0x1f);
                }
            }
        }
        (!rest.is_empty()).then_some((descriptor, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn chromiums_descriptor_with_every_field_is_read() {
        // X I L T K, picture id 0x1234, TL0PICIDX 7, TID 2, Y, KEYIDX 5.
        let payload = [0x90, 0xf0, 0x92, 0x34, 7, 0xa5, 0xaa, 0xbb];
        let (descriptor, rest) = Descriptor::parse(&payload).expect("whole");
        assert_eq!(rest, [0xaa, 0xbb]);
        assert!(descriptor.starts_frame() && !descriptor.non_reference && descriptor.layer_sync);
        let picture_id = descriptor.picture_id.expect("present");
        assert_eq!((picture_id.value, picture_id.max), (0x1234, 0x7fff));
        assert_eq!(descriptor.base_layer_index, Some(7));
        assert_eq!(descriptor.temporal_layer, Some(2));
        assert_eq!(descriptor.key_index, Some(5));
        for cut in 0..=6 {
            assert_eq!(Descriptor::parse(&payload[..cut]), None, "{cut} bytes");
        }
    }

    #[test]
    fn a_short_picture_id_wraps_at_seven_bits() {
        let parse = |id: u8| {
            let (descriptor, _) = Descriptor::parse(&[0x90, 0x80, id, 1]).expect("whole");
            descriptor.picture_id.expect("present")
        };
        assert!(parse(0).follows(parse(127)));
        assert!(parse(6).follows(parse(5)));
        assert!(!parse(7).follows(parse(5)));
    }

    #[test]
    fn a_bare_descriptor_is_one_byte() {
        let (descriptor, rest) = Descriptor::parse(&[0x11, 9]).expect("whole");
        assert_eq!((descriptor.partition, rest), (1, &[9_u8][..]));
        assert!(!descriptor.starts_frame() && descriptor.picture_id.is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_not_but_never_panic(payload: Vec<u8>) {
            if let Some((_, rest)) = Descriptor::parse(&payload) {
                prop_assert!(!rest.is_empty() && payload.ends_with(rest));
            }
        }

        #[test]
        fn a_frame_comes_back_from_its_payloads(
            frame in prop::collection::vec(any::<u8>(), 1..9_000),
            first_picture_id: u16,
        ) {
            let payloads = Packetizer::new(first_picture_id).packetize(&frame);
            let mut back = Vec::new();
            for (index, payload) in payloads.iter().enumerate() {
                prop_assert!(payload.len() <= MAX_PAYLOAD);
                let (descriptor, rest) = Descriptor::parse(payload).expect("our own");
                prop_assert_eq!(descriptor.starts_frame(), index == 0);
                let picture_id = descriptor.picture_id.expect("always there");
                prop_assert_eq!(picture_id.value, first_picture_id & 0x7fff);
                back.extend_from_slice(rest);
            }
            prop_assert_eq!(back, frame);
            let (smallest, largest) = (
                payloads.iter().map(Bytes::len).min(),
                payloads.iter().map(Bytes::len).max(),
            );
            prop_assert!(largest <= smallest.map(|size| size + 1));
        }
    }
}

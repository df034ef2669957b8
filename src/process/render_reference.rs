use crate::media::FRAME_SAMPLES;

/// Half a second: more than the two threads can drift apart in a healthy call.
const CAPACITY_FRAMES: usize = 50;

/// The canceller's end of the far-end signal: what the mixer gave to the speaker, 10 ms at a time.
#[derive(Debug)]
pub struct RenderReference {
    frames: rtrb::Consumer<[f32; FRAME_SAMPLES]>,
}

/// The mixer's end of the far-end signal.
#[derive(Debug)]
pub struct RenderReferenceSource {
    frames: rtrb::Producer<[f32; FRAME_SAMPLES]>,
    dropped: u64,
}

/// A bounded ring from mixer to echo canceller, without locks. When it is full, because nobody
/// captures, the newest frame is dropped and counted.
pub fn render_reference() -> (RenderReferenceSource, RenderReference) {
    let (producer, consumer) = rtrb::RingBuffer::new(CAPACITY_FRAMES);
    (
        RenderReferenceSource {
            frames: producer,
            dropped: 0,
        },
        RenderReference { frames: consumer },
    )
}

impl RenderReferenceSource {
    /// Hands over 10 ms that are about to be played, silence included.
    pub fn push(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        if self.frames.push(*frame).is_err() {
            self.dropped += 1;
        }
    }

    /// How many frames found the ring full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl RenderReference {
    /// The next frame that was played.
    pub fn pop(&mut self) -> Option<[f32; FRAME_SAMPLES]> {
        self.frames.pop().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_in_order_and_a_full_ring_drops_the_newest() {
        let (mut source, mut reference) = render_reference();
        for number in 0..CAPACITY_FRAMES + 3 {
            source.push(&[number as f32; FRAME_SAMPLES]);
        }
        assert_eq!(source.dropped(), 3);
        let first: Vec<f32> = std::iter::from_fn(|| reference.pop())
            .map(|frame| frame[0])
            .collect();
        let expected: Vec<f32> = (0..CAPACITY_FRAMES).map(|number| number as f32).collect();
        assert_eq!(first, expected);
    }
}

/// Appends the mean of the channels of `interleaved` to `mono`; an incomplete last frame is left out.
pub fn downmix(interleaved: &[f32], channels: usize, mono: &mut Vec<f32>) {
    match channels {
        0 => {}
        1 => mono.extend_from_slice(interleaved),
        _ => mono.extend(
            interleaved
                .chunks_exact(channels)
                .map(|frame| frame.iter().sum::<f32>() / channels as f32),
        ),
    }
}

/// Appends `mono` to `interleaved`: to the only channel, or to the first two (front left and right),
/// the others being silent.
pub fn upmix(mono: &[f32], channels: usize, interleaved: &mut Vec<f32>) {
    for sample in mono {
        for channel in 0..channels {
            interleaved.push(if channel < 2 { *sample } else { 0.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downmix_is_the_mean_and_ignores_a_broken_last_frame() {
        let mut mono = Vec::new();
        downmix(&[1.0, 0.0, 0.5, -0.5, 0.25], 2, &mut mono);
        assert_eq!(mono, [0.5, 0.0]);
        mono.clear();
        downmix(&[0.3, 0.6, 0.9], 3, &mut mono);
        assert!((mono[0] - 0.6).abs() < 1e-6);
        downmix(&[1.0], 0, &mut mono);
        assert_eq!(mono.len(), 1);
    }

    #[test]
    fn upmix_fills_the_front_channels_only() {
        let mut out = Vec::new();
        upmix(&[0.1, 0.2], 4, &mut out);
        assert_eq!(out, [0.1, 0.1, 0.0, 0.0, 0.2, 0.2, 0.0, 0.0]);
        out.clear();
        upmix(&[0.1, 0.2], 1, &mut out);
        assert_eq!(out, [0.1, 0.2]);
    }
}

use cpal::traits::DeviceTrait;
use cpal::{
    BufferSize, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfigRange,
};

use super::Direction;
use crate::media::SAMPLE_RATE_HZ;

/// How a stream is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) config: StreamConfig,
    pub(crate) format: SampleFormat,
}

/// Calls `$run::<T>($($argument),*)` with the Rust type of a sample format.
macro_rules! dispatch_format {
    ($format:expr, $run:ident ( $($argument:expr),* $(,)? )) => {
        match $format {
            cpal::SampleFormat::I8 => $run::<i8>($($argument),*),
            cpal::SampleFormat::I16 => $run::<i16>($($argument),*),
            cpal::SampleFormat::I24 => $run::<cpal::I24>($($argument),*),
            cpal::SampleFormat::I32 => $run::<i32>($($argument),*),
            cpal::SampleFormat::I64 => $run::<i64>($($argument),*),
            cpal::SampleFormat::U8 => $run::<u8>($($argument),*),
            cpal::SampleFormat::U16 => $run::<u16>($($argument),*),
            cpal::SampleFormat::U24 => $run::<cpal::U24>($($argument),*),
            cpal::SampleFormat::U32 => $run::<u32>($($argument),*),
            cpal::SampleFormat::U64 => $run::<u64>($($argument),*),
            cpal::SampleFormat::F64 => $run::<f64>($($argument),*),
            // Those of DSD were never chosen.
            _ => $run::<f32>($($argument),*),
        }
    };
}
pub(crate) use dispatch_format;

/// The best way to open `device`: 48 kHz where it can, its own channel count, samples that lose
/// nothing, and 10 ms at a time.
pub(crate) fn choose(device: &cpal::Device, direction: Direction) -> Result<Chosen, cpal::Error> {
    let (ranges, default) = match direction {
        Direction::Input => (
            device.supported_input_configs()?.collect(),
            device.default_input_config(),
        ),
        Direction::Output => (
            device.supported_output_configs()?.collect(),
            device.default_output_config(),
        ),
    };
    let default = default.ok();
    let channels = default.as_ref().map_or(2, |config| config.channels());
    let rate_hz = default
        .as_ref()
        .map_or(SAMPLE_RATE_HZ, |config| config.sample_rate());
    choose_from(ranges, channels, rate_hz).ok_or_else(|| {
        cpal::Error::with_message(
            cpal::ErrorKind::UnsupportedConfig,
            "it offers no kind of sound that can be used",
        )
    })
}

fn choose_from(
    ranges: Vec<SupportedStreamConfigRange>,
    channels: u16,
    rate_hz: u32,
) -> Option<Chosen> {
    let best = ranges
        .into_iter()
        .filter(|range| !range.sample_format().is_dsd() && range.channels() > 0)
        .min_by_key(|range| {
            (
                !range.contains_rate(SAMPLE_RATE_HZ),
                range.channels().abs_diff(channels),
                rank(range.sample_format()),
            )
        })?;
    let sample_rate = if best.contains_rate(SAMPLE_RATE_HZ) {
        SAMPLE_RATE_HZ
    } else {
        rate_hz.clamp(best.min_sample_rate(), best.max_sample_rate())
    };
    let period = sample_rate / 100;
    let period = match *best.buffer_size() {
        SupportedBufferSize::Range { min, max } => period.clamp(min, max.max(min)),
        SupportedBufferSize::Unknown => period,
    };
    Some(Chosen {
        config: StreamConfig {
            channels: best.channels(),
            sample_rate,
            buffer_size: BufferSize::Fixed(period),
        },
        format: best.sample_format(),
    })
}

/// Formats in the order in which they are liked.
fn rank(format: SampleFormat) -> u8 {
    match format {
        SampleFormat::F32 => 0,
        SampleFormat::I32 => 1,
        SampleFormat::I24 => 2,
        SampleFormat::I16 => 3,
        SampleFormat::F64 => 4,
        SampleFormat::I8 | SampleFormat::U8 => 6,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(channels: u16, rates: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        let periods = SupportedBufferSize::Range { min: 64, max: 512 };
        SupportedStreamConfigRange::new(channels, rates.0, rates.1, periods, format)
    }

    fn chosen(ranges: &[SupportedStreamConfigRange]) -> Option<(u16, u32, SampleFormat, u32)> {
        let chosen = choose_from(ranges.to_vec(), 2, 44_100)?;
        let BufferSize::Fixed(period) = chosen.config.buffer_size else {
            panic!("no period was asked for");
        };
        let config = chosen.config;
        Some((config.channels, config.sample_rate, chosen.format, period))
    }

    #[test]
    fn forty_eight_kilohertz_then_the_devices_channels_then_good_samples() {
        use SampleFormat::{DsdU8, F32, I16, U8};
        let all = (8_000, 192_000);
        assert_eq!(
            chosen(&[
                range(1, all, F32),
                range(2, all, I16),
                range(2, all, F32),
                range(6, all, F32)
            ]),
            Some((2, 48_000, F32, 480))
        );
        assert_eq!(
            chosen(&[
                range(2, (44_100, 44_100), F32),
                range(1, (48_000, 48_000), I16)
            ]),
            Some((1, 48_000, I16, 480))
        );
        // Nothing at 48 kHz: what the device likes, and the nearest period that it takes.
        assert_eq!(
            chosen(&[
                range(2, (44_100, 44_100), U8),
                range(2, (96_000, 96_000), I16)
            ]),
            Some((2, 96_000, I16, 512))
        );
        assert_eq!(chosen(&[range(2, all, DsdU8)]), None);
        assert_eq!(chosen(&[]), None);
    }
}

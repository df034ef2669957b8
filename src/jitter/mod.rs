//! Packets to steady frames (sans-IO): the audio jitter buffer and the video frame assembler.

mod audio;
mod audio_delay;
mod audio_stream;
mod video_assembler;
mod video_timing;

pub use audio::{
    Adjustment, AudioJitterBuffer, AudioJitterStats, CONCEAL_FADE_FROM, CONCEAL_SILENT_FROM,
    Inserted, Next,
};
pub use video_assembler::{AssembledFrame, AssemblerCounters, VideoAssembler};
pub use video_timing::VideoTiming;

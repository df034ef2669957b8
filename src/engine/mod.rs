//! The only driver: it owns the runtime, the media threads and real time. Commands in, snapshots out.

mod audio_receiver;
mod audio_sender;
mod command;
mod handle;
mod snapshot;
mod video_ladder;
mod video_receiver;
mod video_sender;
#[cfg(test)]
mod video_tests;

pub use audio_receiver::{AudioReceiver, AudioReceiverStats};
pub use audio_sender::{AudioSender, AudioSenderStats};
pub use command::Command;
pub use handle::{Event, Handle, HandleBackend, Pictures};
pub use snapshot::{
    CallRole, CallStage, CallStatistics, CallView, DeviceState, LocalMedia, Notice, ParticipantId,
    ParticipantView, Phase, PictureSample, Problem, Quality, Recent, Rung, RungState, ServerStatus,
    Snapshot, SoundTrial, StatisticsSample,
};
pub use video_ladder::QualityLimitationReason;
pub use video_receiver::{VideoReceiver, VideoReceiverStats};
pub use video_sender::{StreamStart, VideoSender, VideoSenderStats};

//! The only driver: it owns the runtime, the media threads and real time. Commands in, snapshots out.

mod audio_receiver;
mod audio_sender;
mod audio_worker;
#[cfg(test)]
mod call_tests;
mod command;
mod device_news;
mod device_slot;
mod doorstep;
mod driver;
mod entrances;
mod handicap;
mod handle;
mod invite_file;
mod local_devices;
mod loss;
mod media;
mod meeting;
mod memory;
mod options;
mod people;
mod problem;
mod relay_watch;
mod report;
mod session;
mod snapshot;
mod stand_in;
mod statistics;
mod video_ladder;
mod video_receiver;
mod video_sender;
#[cfg(test)]
mod video_tests;
mod video_worker;
mod wall_clock;
mod way_back;
pub mod workbench;
mod worker;

pub use crate::call::{CallEndReason, CallRole, ParticipantId, Presence, as_read};
pub use crate::contacts::Recent;
pub use audio_receiver::{AudioReceiver, AudioReceiverStats};
pub use audio_sender::{AudioSender, AudioSenderStats};
pub use command::Command;
pub use device_news::DeviceNews;
pub use driver::{EngineError, start};
pub use entrances::Way;
pub use handicap::{Handicap, least_bitrate};
pub use handle::{Event, Handle, HandleBackend, Pictures};
pub use invite_file::{InviteFileError, PortraitFileError, portrait_in_file};
pub use local_devices::{FixedDevices, LocalDevices};
pub use loss::Loss;
pub use media::{DeviceKind, Media, MediaError, Opened};
pub use meeting::{Inviting, Meeting, MeetingError};
pub use memory::share_memory_pools;
pub use options::EngineOptions;
pub use people::{People, PeopleNews};
pub use report::{
    CallReport, Moments, ParticipantCounters, ParticipantReport, ProcessCost, SetupTimes,
};
pub use session::{
    DirectWith, Session, SessionCommand, SessionEvent, SessionOptions, SessionRemote, SessionView,
};
pub use snapshot::{
    CallStage, CallStatistics, CallView, CodeView, ContactView, DeviceState, Incoming, LocalMedia,
    Notice, ParticipantView, Phase, PictureSample, Problem, Quality, RoomView, Rung, RungState,
    ServerStatus, Snapshot, SoundTrial, Standing, StatisticsSample,
};
pub use stand_in::{Heard, StandIn};
pub use video_ladder::QualityLimitationReason;
pub use video_receiver::{VideoReceiver, VideoReceiverStats};
pub use video_sender::{StreamStart, VideoSender, VideoSenderStats};
pub use wall_clock::WallClock;
pub use worker::Workshop;

//! Views of a [`Snapshot`](crate::engine::Snapshot): what a person sees and does. It never waits: it reads one
//! snapshot a frame and sends commands. It imports `engine`, `media` and egui, and nothing that could block.

pub mod assets;
pub mod frame_times;
pub mod icons;
pub mod picture;
pub mod problem;
pub mod stage;
pub mod theme;
pub mod widgets;

//! The parts that screens are made of. Each paints itself by role, keeps a stable id, tells assistive
//! technology its name and state, works by keyboard, and asks for another frame only while it moves.
//!
//! Most take their place as an argument (`at`), because pages are cut into rectangles; inside lists
//! the caller allocates the rectangle first.

mod avatar;
mod button;
mod chip;
mod meter;
pub mod paint;
mod qr;
mod row;
mod segments;
mod select;
mod sheet;
mod string;
mod text_field;
mod toast;
mod toggle;
mod verdict;
mod warning;
mod words;

pub use avatar::{avatar, empty_seat, face, initials, presence_mark};
pub use button::{Button, ButtonKind, RoundButton, RoundKind, hang_up};
pub use chip::{Chip, Tone};
pub use meter::{Meter, loudness};
pub use qr::qr_code;
pub use row::{disc, divider, row, two_lines};
pub use segments::segments;
pub use select::Select;
pub use sheet::{Sheet, SheetResponse, install_focus_return};
pub use string::{cut_string, sagging_string, voice_string};
pub use text_field::{TextField, TextFieldResponse};
pub use toast::{Toast, Toasts};
pub use toggle::Toggle;
pub use verdict::{Verdict, VerdictTracker};
pub use warning::warning;
pub use words::Words;

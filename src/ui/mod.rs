//! The window: views of a [`Snapshot`](crate::engine::Snapshot), what a person sees and does. It never waits: it
//! reads one snapshot a frame and sends commands. It imports `engine`, `media` and egui, and nothing
//! that could block.

mod app;
pub mod assets;
mod check;
mod devices;
pub mod frame_times;
mod header;
pub mod icons;
mod incoming;
mod layout;
mod lobby;
mod notices;
mod pace;
mod phrases;
pub mod picture;
mod portraits;
pub mod problem;
mod settings;
pub mod stage;
pub mod theme;
mod twins;
mod waiting;
pub mod widgets;

#[cfg(test)]
mod tests;

use eframe::egui::{Vec2, ViewportBuilder, vec2};

use crate::engine::Handle;

pub use app::App;

/// How the window begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowOptions {
    /// In points.
    pub size: Vec2,
}

impl Default for WindowOptions {
    fn default() -> Self {
        Self {
            size: vec2(980.0, 680.0),
        }
    }
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// Nothing to show a window on.
    #[error("there is no display to open a window on ({0}); use `--headless` to call without one")]
    NoDisplay(String),
    /// A display, but nothing to paint with.
    #[error("the window cannot be painted here: {0}")]
    NoGraphics(String),
}

/// Opens the window and returns when it is closed; the engine behind `handle` is dropped with it.
///
/// # Errors
/// Without a display or without OpenGL. The engine is dropped then, too.
pub fn run(handle: Handle, options: WindowOptions) -> Result<(), UiError> {
    if let Some(reason) = missing_display() {
        return Err(UiError::NoDisplay(reason));
    }
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Twocan")
            .with_app_id("twocan")
            .with_icon(assets::window_icon())
            .with_inner_size(options.size)
            .with_min_inner_size(app::SMALLEST),
        ..eframe::NativeOptions::default()
    };
    let created = eframe::run_native(
        "Twocan",
        native,
        Box::new(|context| Ok(Box::new(App::new(&context.egui_ctx, handle)))),
    );
    created.map_err(|error| match error {
        eframe::Error::WinitEventLoop(error) => UiError::NoDisplay(error.to_string()),
        other => UiError::NoGraphics(other.to_string()),
    })
}

/// On Linux and its relatives a display is named by the environment; asking the window system
/// without one can panic.
fn missing_display() -> Option<String> {
    if !cfg!(all(unix, not(target_os = "macos"))) {
        return None;
    }
    let named = ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    (!named).then(|| "neither DISPLAY nor WAYLAND_DISPLAY is set".to_owned())
}

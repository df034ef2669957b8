//! Takes pictures of every screen of the window, from made-up snapshots, in the real window:
//!
//! ```text
//! cargo run --example shots -- OUT_DIR [NAME…]
//! ```
//!
//! A name that ends in `*` stands for all that begin so. Needs a display; `Xvfb :81 -screen 0 2100x1500x24` will do.

mod portrait;
mod screens;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{self, ColorImage, Event, ScreenshotCallback, ViewportBuilder, ViewportCommand};
use twocan::engine::{DeviceState, Handle, HandleBackend, Phase};
use twocan::ui::App;

use portrait::portrait;
use screens::{Shot, WIDE, all_shots};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("usage: shots OUT_DIR [PREFIX]")?);
    std::fs::create_dir_all(&out)?;
    let wanted: Vec<String> = arguments.collect();
    let is_wanted = |name: &str| {
        wanted.is_empty()
            || wanted.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == wanted,
            })
    };
    let shots = all_shots()
        .into_iter()
        .filter(|shot| is_wanted(&shot.name))
        .collect();
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_inner_size(WIDE)
            .with_decorations(false),
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        "Twocan",
        native,
        Box::new(move |_| {
            Ok(Box::new(Photographer {
                shots,
                out,
                at: 0,
                frame: 0,
                shown: None,
            }))
        }),
    )?;
    Ok(())
}

struct Photographer {
    shots: Vec<Shot>,
    out: PathBuf,
    at: usize,
    frame: usize,
    shown: Option<(App, HandleBackend)>,
}

impl eframe::App for Photographer {
    fn raw_input_hook(&mut self, _: &egui::Context, input: &mut egui::RawInput) {
        let Some(shot) = self.shots.get(self.at) else {
            return;
        };
        if let Phase::Call(_) = shot.snapshot.phase {
            // Somebody is there: what fades stays.
            let x = 300.0 + (self.frame % 2) as f32 * 20.0;
            input.events.push(Event::PointerMoved(egui::pos2(x, 300.0)));
        }
        // One key every second frame, once everything has its size.
        let keys_from = 7;
        if let Some(turn) = self.frame.checked_sub(keys_from)
            && turn.is_multiple_of(2)
            && let Some((modifiers, key)) = shot.keys.get(turn / 2)
        {
            for pressed in [true, false] {
                input.events.push(Event::Key {
                    key: *key,
                    physical_key: None,
                    pressed,
                    repeat: false,
                    modifiers: *modifiers,
                });
            }
        }
        if self.frame == keys_from + 2 * shot.keys.len() + 2 && !shot.typed.is_empty() {
            input.events.push(Event::Text(shot.typed.to_owned()));
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let Some(shot) = self.shots.get(self.at) else {
            ctx.send_viewport_cmd(ViewportCommand::Close);
            return;
        };
        if self.frame == 0 {
            ctx.memory_mut(|memory| *memory = egui::Memory::default());
            let (handle, backend) = Handle::new(shot.snapshot.clone(), Box::new(()));
            let camera = matches!(shot.snapshot.local.camera, DeviceState::On { .. });
            if camera {
                handle.self_view().publish(Arc::new(portrait(0, 0.0)));
            }
            if let Phase::Call(call) = &shot.snapshot.phase {
                let others = call
                    .participants
                    .iter()
                    .filter(|participant| participant.camera_on)
                    .map(|participant| {
                        let slot = Arc::new(twocan::playout::FrameSlot::new());
                        slot.publish(Arc::new(portrait(1, 0.0)));
                        (participant.id, slot)
                    })
                    .collect();
                backend.pictures.set_others(others);
            }
            self.shown = Some((App::new(&ctx, handle), backend));
        }
        if self.frame == 0 || self.frame == 4 {
            let size = shot.size / ctx.zoom_factor() * shot.snapshot.settings.scale;
            ctx.send_viewport_cmd(ViewportCommand::InnerSize(size));
        }
        if let Some((app, backend)) = &mut self.shown {
            if self.frame > 6 {
                backend.publish(shot.snapshot.clone());
            }
            eframe::App::ui(app, ui, frame);
        }
        let last = 16 + 2 * shot.keys.len() + 2 * usize::from(!shot.typed.is_empty());
        if self.frame == last {
            let path = self.out.join(format!("{}.png", shot.name));
            let keep = ScreenshotCallback::new(move |image| match save(&path, &image) {
                Ok(()) => println!("{}", path.display()),
                Err(error) => eprintln!("{}: {error}", path.display()),
            });
            ctx.send_viewport_cmd(ViewportCommand::Screenshot(keep));
        }
        self.frame += 1;
        if self.frame > last + 3 {
            self.frame = 0;
            self.at += 1;
        }
        ctx.request_repaint();
    }
}

fn save(path: &Path, image: &ColorImage) -> Result<(), Box<dyn std::error::Error>> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, image.size[0] as u32, image.size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let bytes: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()])
        .collect();
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}

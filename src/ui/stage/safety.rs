//! The safety words: read to each other, they show that nobody is in between.

use eframe::egui::{Align2, FontId, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::top;
use super::view::{Met, View};
use crate::engine::{Command, Standing};
use crate::trust::{PublicIdentity, SafetyPhrase};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, Weight, tokens};
use crate::ui::widgets::{
    Button, ButtonKind, RoundButton, RoundKind, Sheet, Words, paint, warning,
};

/// What they are for.
pub(super) const SENTENCE: &str =
    "Read these to each other. Same words? Then nobody is in between.";
const TILE: f32 = 56.0;
const GAP: f32 = 12.0;
/// The line of pictures.
const PICTURES: f32 = 40.0;
/// A press that was meant for the button which was there before is not taken for a word on them.
const DEAF_SECONDS: f64 = 0.7;

/// The sheet with the words, and the warning of somebody who has the name of a contact.
#[derive(Debug, Default)]
pub(super) struct Safety {
    /// Whose words are compared.
    compared: Option<(PublicIdentity, SafetyPhrase)>,
    /// This person has seen the warning of them.
    warned_of: Option<PublicIdentity>,
    /// Who they are to this person in the sheet, and since when it says so.
    said: Option<(Standing, f64)>,
}

/// What came of comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Close,
    Same,
    NotAnyMore,
    Save,
}

impl Safety {
    /// The sheet is open.
    pub(super) fn is_open(&self) -> bool {
        self.compared.is_some()
    }

    /// Opens the sheet.
    pub(super) fn open(&mut self, met: &Met) {
        self.compared = Some((met.identity, met.phrase));
        self.warned_of = Some(met.identity);
    }

    /// There is a warning to be seen.
    pub(super) fn warns(&self, view: &View) -> bool {
        let met = view.friend.met.as_ref();
        view.was_connected()
            && met.is_some_and(|met| met.doubt.is_some() && self.warned_of != Some(met.identity))
    }

    /// Shows the warning `below`, if there is one; gives where it ends.
    pub(super) fn warn(&mut self, ui: &mut Ui, view: &View, below: f32) -> f32 {
        let met = view.friend.met.as_ref().filter(|_| self.warns(view));
        let Some((met, text)) = met.and_then(|met| Some((met, met.doubt.as_deref()?))) else {
            return below;
        };
        let (place, closed) = top::bubble(ui, view, below + 12.0, text, true, "namesake");
        if closed {
            self.warned_of = Some(met.identity);
        }
        place.bottom()
    }

    /// Shows the sheet while it is open, and sends what the person asks for to the engine.
    pub(super) fn show(&mut self, ui: &Ui, view: &View) {
        let Some(compared) = self.compared else {
            return;
        };
        // What holds for one is not to be said of another: the sheet goes with whoever leaves.
        let met = view.friend.met.as_ref();
        let Some(met) = met.filter(|met| (met.identity, met.phrase) == compared) else {
            self.compared = None;
            self.said = None;
            return;
        };
        // Whoever calls is seen to first.
        if view.snapshot.incoming.is_some() {
            self.said = None;
            return;
        }
        let (since, anew) = match &self.said {
            Some((standing, since)) if *standing == met.standing => (*since, false),
            _ => {
                self.said = Some((met.standing.clone(), view.time));
                (view.time, true)
            }
        };
        let rest = since + DEAF_SECONDS - view.time;
        if rest > 0.0 {
            ui.ctx().request_repaint_after_secs(rest as f32);
        }
        let height = if met.doubt.is_some() { 486.0 } else { 402.0 };
        let sheet = Sheet::new("safety words", "Safety words", vec2(420.0, height));
        let shown = sheet.show(ui.ctx(), |ui, fresh| contents(ui, fresh || anew, met));
        let set = |verified| {
            view.handle.send(Command::SetVerified {
                contact: met.identity,
                verified,
            });
        };
        match shown.inner {
            Some(Wish::Same | Wish::NotAnyMore) if rest > 0.0 => {}
            Some(Wish::Same) => set(true),
            Some(Wish::NotAnyMore) => set(false),
            Some(Wish::Save) => view.save_friend(),
            Some(Wish::Close) | None => {}
        }
        if shown.close || shown.inner == Some(Wish::Close) {
            self.compared = None;
            self.said = None;
        }
    }
}

/// All of it; where there is something else to press than before, the keyboard goes to what does no harm.
fn contents(ui: &mut Ui, anew: bool, met: &Met) -> Option<Wish> {
    let t = tokens(ui);
    let rect = ui.max_rect().shrink(28.0);
    let y = rect.top() + 8.0;
    Words::new("Safety words", theme::heading(), t.text)
        .heading()
        .at(ui, pos2(rect.left(), y), Align2::LEFT_CENTER);
    let close = RoundButton::new(RoundKind::Ghost, Icon::X, "Close")
        .diameter(34.0)
        .at(ui, pos2(rect.right() - 10.0, y));
    if anew {
        close.request_focus();
    }
    let mut top = y + 30.0;
    if let Some(text) = &met.doubt {
        let middle = pos2(rect.center().x, top);
        top = warning(ui, middle, rect.width(), text).bottom() + 14.0;
    }
    let tiles = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), 2.0 * TILE + GAP));
    words(ui, tiles, met.phrase);
    let line = pos2(rect.left(), tiles.bottom() + GAP);
    let line = Rect::from_min_size(line, vec2(rect.width(), PICTURES));
    pictures(ui, line, met.phrase);
    Words::new(SENTENCE, theme::body(), t.text2).within(
        ui,
        pos2(rect.left(), line.bottom() + 16.0),
        rect.width(),
    );
    let foot = rect.with_min_y(rect.bottom() - 44.0);
    let wish = match &met.standing {
        Standing::Contact { verified: true, .. } => verified(ui, foot),
        Standing::Contact {
            verified: false, ..
        } => {
            let same = Button::new(ButtonKind::Brand, "They are the same").icon(Icon::CHECK);
            same.at(ui, foot).clicked().then_some(Wish::Same)
        }
        Standing::Stranger => save(ui, foot, ButtonKind::Brand),
        Standing::Namesake => save(ui, foot, ButtonKind::Quiet),
    };
    if close.clicked() {
        Some(Wish::Close)
    } else {
        wish
    }
}

/// All four, two and two, large enough to be read across a table.
fn words(ui: &mut Ui, place: Rect, phrase: SafetyPhrase) {
    let t = tokens(ui);
    let size = vec2((place.width() - GAP) / 2.0, TILE);
    let room = size.x - 16.0;
    let font = fitting(ui, &phrase.words(), room);
    for (index, word) in phrase.words().into_iter().enumerate() {
        let (column, row) = ((index % 2) as f32, (index / 2) as f32);
        let corner = place.min + vec2(column * (size.x + GAP), row * (size.y + GAP));
        let tile = Rect::from_min_size(corner, size);
        ui.painter().rect_filled(tile, 14, t.sunken);
        let salt = format!("word {index}");
        Words::new(word, font.clone(), t.text)
            .id_salt(&salt)
            .cut_at(ui, tile.center(), Align2::CENTER_CENTER, room);
    }
}

/// The largest in which each of `words` is seen to its end in so much room: they are to be compared.
fn fitting(ui: &Ui, words: &[&str], room: f32) -> FontId {
    let widest = |font: &FontId| {
        let widths = words
            .iter()
            .map(|word| paint::text_width(ui, word, font.clone()));
        widths.fold(0.0, f32::max)
    };
    let mut font = theme::title();
    // Widths are rounded, up or down.
    while font.size > 12.0 && widest(&font) > room - 1.0 {
        font = theme::font(font.size - 1.0, Weight::Display);
    }
    font
}

/// The same once more, for those who rather compare what they see.
fn pictures(ui: &mut Ui, place: Rect, phrase: SafetyPhrase) {
    let emoji = phrase.emoji();
    let names = emoji.map(|emoji| emoji.name).join(", ");
    let response = ui.interact(place, ui.make_persistent_id("pictures"), Sense::hover());
    let spoken = format!("As pictures: {names}");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    let step = place.width() / emoji.len() as f32;
    for (index, emoji) in emoji.iter().enumerate() {
        let x = place.left() + step * (index as f32 + 0.5);
        ui.painter().text(
            pos2(x, place.center().y),
            Align2::CENTER_CENTER,
            emoji.glyph,
            theme::emoji_font(28.0),
            tokens(ui).text,
        );
    }
    response.on_hover_text(names);
}

/// It was done before; and a way to take that back.
fn verified(ui: &mut Ui, foot: Rect) -> Option<Wish> {
    let t = tokens(ui);
    let y = foot.center().y;
    let seal = pos2(foot.left() + 11.0, y);
    paint::icon(ui.painter(), seal, Icon::SEAL_CHECK, 20.0, true, t.accent);
    Words::new("Verified", theme::label(), t.accent)
        .polite()
        .at(ui, pos2(foot.left() + 28.0, y), Align2::LEFT_CENTER);
    let place = foot
        .with_min_x(foot.right() - 196.0)
        .shrink2(vec2(0.0, 2.0));
    Button::new(ButtonKind::Ghost, "Not the same any more?")
        .at(ui, place)
        .clicked()
        .then_some(Wish::NotAnyMore)
}

/// Only of somebody who is known again it can be kept that the words were the same.
fn save(ui: &mut Ui, foot: Rect, kind: ButtonKind) -> Option<Wish> {
    Button::new(kind, "Save as contact")
        .icon(Icon::USER_PLUS)
        .at(ui, foot)
        .clicked()
        .then_some(Wish::Save)
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;

    use super::*;
    use crate::trust::{WORDS, Word};
    use crate::ui::app::SMALLEST;

    #[test]
    fn every_word_is_seen_to_its_end_in_the_smallest_window() {
        // Less what is around the sheet, around its contents, between two tiles, and within one.
        let room = (SMALLEST.x - 24.0 - 56.0 - GAP) / 2.0 - 16.0;
        let harness =
            Harness::builder()
                .with_context_setup(theme::install)
                .build_ui_state(
                    |ui, cut: &mut Vec<&'static str>| {
                        let words = (0..WORDS).filter_map(|bits| u16::try_from(bits).ok());
                        cut.clear();
                        cut.extend(words.map(|bits| Word::from_bits(bits).as_str()).filter(
                            |word| {
                                let font = fitting(ui, &[*word], room);
                                paint::elided(ui, word, font, theme::LIGHT.text, room).elided
                            },
                        ));
                    },
                    vec!["nothing was looked at"],
                );
        assert_eq!(*harness.state(), Vec::<&str>::new());
    }
}

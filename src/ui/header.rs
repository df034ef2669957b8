//! The head of every screen that one can go back from.

use eframe::egui::{Align2, Rect, Ui, pos2};

use super::icons::Icon;
use super::layout;
use super::theme::{self, Weight, tokens};
use super::widgets::{RoundButton, RoundKind, Words};

/// Title and a sentence below it; true when a person wants to go back.
pub fn header(ui: &mut Ui, window: Rect, title: &str, sentence: &str) -> bool {
    let t = tokens(ui);
    let narrow = layout::is_narrow(window);
    let x = window.left() + if narrow { 34.0 } else { 46.0 };
    let y = window.top() + 40.0;
    let back = RoundButton::new(RoundKind::Soft, Icon::ARROW_LEFT, "Back")
        .icon_size(17.0)
        .at(ui, pos2(x, y))
        .clicked();
    let left = x + 32.0;
    let width = window.right() - 16.0 - left;
    let title_y = if sentence.is_empty() { y } else { y - 9.0 };
    Words::new(title, theme::heading(), t.text)
        .heading()
        .cut_at(ui, pos2(left, title_y), Align2::LEFT_CENTER, width);
    if !sentence.is_empty() {
        Words::new(sentence, theme::font(13.0, Weight::Regular), t.text2).cut_at(
            ui,
            pos2(left, y + 13.0),
            Align2::LEFT_CENTER,
            width,
        );
    }
    back
}

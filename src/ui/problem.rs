//! Why a call did not come about: a ladder from the ground up, the string cut at the first broken
//! rung, and what helps.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use eframe::egui::{
    Align2, Context, Rect, Role, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::icons::Icon;
use super::theme::{self, Tokens, Weight, tokens};
use super::widgets::{Button, ButtonKind, RoundButton, RoundKind, Sheet, Words, paint};
use crate::engine::{Command, Handle, Problem, Rung, RungState};

const WIDTH: f32 = 620.0;
/// Sheets leave this much of the window around them.
const AROUND: f32 = 24.0;
/// Below this, details go under the names of rungs.
const NARROW: f32 = 480.0;
const FOOT: f32 = 92.0;
const RUNG: f32 = 46.0;
const RUNG_NARROW: f32 = 56.0;
const CURE_PADDING: f32 = 18.0;

/// What the app may want to do after a frame of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemEvent {
    /// The report lies in the clipboard.
    ReportCopied,
}

/// Shows the sheet over everything, and sends what the person asks for to the engine.
pub fn show(ctx: &Context, problem: &Problem, handle: &Handle) -> Option<ProblemEvent> {
    let window = ctx.content_rect();
    let width = WIDTH.min(window.width() - AROUND);
    let layout = Layout::of(ctx, problem, width);
    let size = vec2(width, layout.height());
    let shown = Sheet::new("problem", problem.title.as_str(), size).show(ctx, |ui, fresh| {
        contents(ui, problem, handle, &layout, fresh)
    });
    let (closed, event) = shown.inner;
    if closed || shown.close {
        handle.send(Command::DismissProblem);
    }
    event
}

/// How high the parts are.
struct Layout {
    margin: f32,
    width: f32,
    title: f32,
    explanation: f32,
    cure: f32,
    rungs: Vec<f32>,
}

impl Layout {
    fn of(ctx: &Context, problem: &Problem, width: f32) -> Self {
        let margin = if width < NARROW { 20.0 } else { 32.0 };
        let inner = width - 2.0 * margin;
        let height = |text: &str, font, width| {
            let job = theme::paragraph(text, font, eframe::egui::Color32::WHITE, width);
            ctx.fonts_mut(|fonts| fonts.layout_job(job)).size().y
        };
        let cure_width = inner - 42.0 - 2.0 * CURE_PADDING;
        let cure = height(
            &problem.cure,
            theme::font(13.5, Weight::Regular),
            cure_width,
        ) + 52.0;
        let low = if width < NARROW { RUNG_NARROW } else { RUNG };
        let failed = first_failed(&problem.rungs);
        let rungs = (0..problem.rungs.len())
            .map(|rung| {
                if Some(rung) == failed && !problem.cure.is_empty() {
                    low + cure
                } else {
                    low
                }
            })
            .collect();
        Self {
            margin,
            width,
            title: height(&problem.title, title_font(), inner - 40.0),
            explanation: height(&told(problem), theme::body(), inner - 30.0),
            cure,
            rungs,
        }
    }

    fn head(&self) -> f32 {
        30.0 + self.title + 8.0 + self.explanation + 20.0
    }

    fn ladder(&self) -> f32 {
        self.rungs.iter().sum::<f32>() + 20.0
    }

    fn height(&self) -> f32 {
        self.head() + self.ladder() + FOOT
    }
}

fn title_font() -> eframe::egui::FontId {
    theme::font(22.0, Weight::Display)
}

/// What is told first: all of it, where there is no rung beside which the cure could be.
fn told(problem: &Problem) -> Cow<'_, str> {
    match first_failed(&problem.rungs) {
        Some(_) => Cow::Borrowed(&problem.explanation),
        None => Cow::Owned(format!("{} {}", problem.explanation, problem.cure)),
    }
}

fn first_failed(rungs: &[Rung]) -> Option<usize> {
    rungs
        .iter()
        .position(|rung| rung.state == RungState::Failed)
}

fn contents(
    ui: &mut Ui,
    problem: &Problem,
    handle: &Handle,
    layout: &Layout,
    fresh: bool,
) -> (bool, Option<ProblemEvent>) {
    let sheet = ui.max_rect();
    let t = tokens(ui);
    let inner = sheet.shrink2(vec2(layout.margin, 0.0));
    let top = pos2(inner.left(), sheet.top() + 30.0);
    Words::new(&problem.title, title_font(), t.text)
        .heading()
        .assertive()
        .within(ui, top, inner.width() - 40.0);
    Words::new(&told(problem), theme::body(), t.text2).within(
        ui,
        pos2(inner.left(), top.y + layout.title + 8.0),
        inner.width() - 30.0,
    );
    let middle = Rect::from_min_max(
        pos2(inner.left(), sheet.top() + layout.head()),
        pos2(inner.right(), sheet.bottom() - FOOT),
    );
    let mut ladder_ui = ui.new_child(UiBuilder::new().max_rect(middle).id_salt("ladder"));
    ladder_ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().show(&mut ladder_ui, |ui| ladder(ui, problem, layout));

    let close = RoundButton::new(RoundKind::Ghost, Icon::X, "Close")
        .diameter(34.0)
        .at(ui, pos2(inner.right() - 10.0, sheet.top() + 44.0));
    // Not on what calls again: a key that was held when this came would do so.
    if fresh {
        close.request_focus();
    }
    let event = foot(ui, problem, handle, layout);
    (close.clicked(), event)
}

fn foot(ui: &mut Ui, problem: &Problem, handle: &Handle, layout: &Layout) -> Option<ProblemEvent> {
    let sheet = ui.max_rect();
    let inner = sheet.shrink2(vec2(layout.margin, 0.0));
    let y = sheet.bottom() - FOOT;
    ui.painter()
        .hline(sheet.x_range(), y, Stroke::new(1.0, tokens(ui).line));
    let place = |left, width| Rect::from_min_size(pos2(left, y + 20.0), vec2(width, 44.0));
    let copy = Button::new(ButtonKind::Ghost, "Copy report")
        .icon(Icon::COPY)
        .at(ui, place(inner.left() - 8.0, 142.0));
    let (label, icon) = if problem.can_try_again {
        ("Try again", Some(Icon::ARROW_CLOCKWISE))
    } else {
        ("Back to start", None)
    };
    let mut main = Button::new(ButtonKind::Brand, label);
    if let Some(icon) = icon {
        main = main.icon(icon);
    }
    let wide = if layout.width < NARROW { 140.0 } else { 186.0 };
    let main = main.at(ui, place(inner.right() - wide, wide));
    if main.clicked() {
        handle.send(if problem.can_try_again {
            Command::TryAgain
        } else {
            Command::DismissProblem
        });
    }
    copy.clicked().then(|| {
        ui.ctx().copy_text(problem.report.clone());
        ProblemEvent::ReportCopied
    })
}

fn ladder(ui: &mut Ui, problem: &Problem, layout: &Layout) {
    let failed = first_failed(&problem.rungs);
    let places: Vec<Rect> = layout
        .rungs
        .iter()
        .map(|height| {
            ui.allocate_space(vec2(layout.width - 2.0 * layout.margin, *height))
                .1
        })
        .collect();
    let t = tokens(ui);
    for pair in places.windows(2).enumerate() {
        let (index, [here, next]) = (pair.0, [pair.1[0], pair.1[1]]);
        string(ui, t, here, next, failed.map(|failed| index.cmp(&failed)));
    }
    for ((rung, place), index) in problem.rungs.iter().zip(&places).zip(0..) {
        show_rung(ui, t, rung, *place, layout);
        if Some(index) == failed && !problem.cure.is_empty() {
            cure(ui, t, problem, *place, layout);
        }
    }
}

fn knot(place: Rect) -> eframe::egui::Pos2 {
    pos2(place.left() + 14.0, place.top() + 14.0)
}

/// From one rung to the next: whole below the broken one, cut at it, slack above.
fn string(ui: &Ui, t: &Tokens, here: Rect, next: Rect, at: Option<std::cmp::Ordering>) {
    let (from, to) = (knot(here), knot(next));
    let painter = ui.painter();
    match at {
        Some(std::cmp::Ordering::Equal) => {
            let end = |from: eframe::egui::Pos2, away: f32, down: f32, stroke| {
                let tip = from + vec2(away, down);
                let bend = from + vec2(away * 0.15, down * 0.55);
                painter.add(
                    eframe::egui::epaint::QuadraticBezierShape::from_points_stroke(
                        [from, bend, tip],
                        false,
                        eframe::egui::Color32::TRANSPARENT,
                        stroke,
                    ),
                );
            };
            let down = ((to.y - from.y) * 0.25).clamp(8.0, 34.0);
            let from = from + vec2(0.0, 14.0);
            end(from, -7.0, down, Stroke::new(2.5, t.bad));
            end(
                to - vec2(0.0, 14.0),
                7.0,
                -down - 6.0,
                Stroke::new(2.5, t.line),
            );
        }
        before => {
            let whole = before != Some(std::cmp::Ordering::Greater);
            let color = if whole { t.good } else { t.line };
            let ends = [from + vec2(0.0, 11.0), to - vec2(0.0, 11.0)];
            painter.line_segment(ends, Stroke::new(2.5, color));
        }
    }
}

fn show_rung(ui: &mut Ui, t: &Tokens, rung: &Rung, place: Rect, layout: &Layout) {
    let (icon, filled, color, said) = match rung.state {
        RungState::Passed => (Icon::CHECK_CIRCLE, true, t.good, "works"),
        RungState::Failed => (Icon::X_CIRCLE, true, t.bad, "does not work"),
        RungState::NotTried => (Icon::MINUS_CIRCLE, false, t.text2, "not tried"),
    };
    let center = knot(place);
    let response = ui.interact(
        Rect::from_min_size(place.min, vec2(place.width(), RUNG)),
        ui.make_persistent_id(("rung", &rung.name)),
        Sense::hover(),
    );
    response.widget_info(|| {
        let name = format!("{}: {said}, {}", rung.name, rung.detail);
        WidgetInfo::labeled(Role::Label, true, name.trim_end_matches(", "))
    });
    let painter = ui.painter();
    paint::icon(painter, center, icon, 24.0, filled, color);
    let left = place.left() + 42.0;
    let failed = rung.state == RungState::Failed;
    let name_font = theme::font(
        15.0,
        if failed {
            Weight::Semibold
        } else {
            Weight::Medium
        },
    );
    let name_ink = match rung.state {
        RungState::NotTried => t.text2,
        RungState::Passed | RungState::Failed => t.text,
    };
    let detail_font = theme::font(13.0, Weight::Regular);
    let detail_ink = if failed { t.bad } else { t.text2 };
    let width = place.right() - left;
    if layout.width < NARROW {
        let name = paint::elided(ui, &rung.name, name_font, name_ink, width);
        paint::put(painter, name, pos2(left, center.y), Align2::LEFT_CENTER);
        let detail = paint::elided(ui, &rung.detail, detail_font, detail_ink, width);
        paint::put(
            painter,
            detail,
            pos2(left, center.y + 19.0),
            Align2::LEFT_CENTER,
        );
        return;
    }
    let detail = paint::elided(ui, &rung.detail, detail_font, detail_ink, width * 0.5);
    let detail = paint::put(
        painter,
        detail,
        pos2(place.right(), center.y),
        Align2::RIGHT_CENTER,
    );
    let name = paint::elided(
        ui,
        &rung.name,
        name_font,
        name_ink,
        detail.left() - left - 12.0,
    );
    paint::put(painter, name, pos2(left, center.y), Align2::LEFT_CENTER);
}

fn cure(ui: &mut Ui, t: &Tokens, problem: &Problem, place: Rect, layout: &Layout) {
    let low = if layout.width < NARROW {
        RUNG_NARROW
    } else {
        RUNG
    };
    let card = Rect::from_min_size(
        pos2(place.left() + 42.0, place.top() + low - 11.0),
        vec2(place.width() - 42.0, layout.cure),
    );
    ui.painter().rect_filled(card, 14, t.bad_soft);
    Words::new("What helps", theme::font(13.5, Weight::Semibold), t.bad).at(
        ui,
        card.min + vec2(CURE_PADDING, 24.0),
        Align2::LEFT_CENTER,
    );
    Words::new(&problem.cure, theme::font(13.5, Weight::Regular), t.text)
        .id_salt("cure")
        .within(
            ui,
            card.min + vec2(CURE_PADDING, 37.0),
            card.width() - 2.0 * CURE_PADDING,
        );
}

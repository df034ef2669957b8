//! The look: colours, type and motion, as tokens with a role each. Widgets ask for a role, never for
//! a colour, so light, dark and the call stage differ in this file only.

use std::sync::Arc;

use eframe::egui::{
    self, Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin,
    Shadow, Stroke, TextStyle, Theme, ThemePreference, Ui,
    epaint::text::{LayoutJob, TextFormat, VariationCoords},
    vec2,
};

use crate::settings::ThemeChoice;

/// Colours by role.
#[derive(Debug)]
pub struct Tokens {
    /// Shadows are of little use; lines come first.
    pub dark: bool,
    /// Behind everything.
    pub bg: Color32,
    /// Cards, fields, sheets.
    pub surface: Color32,
    /// Hovered rows, neutral chips, soft buttons.
    pub sunken: Color32,
    /// Decorative lines.
    pub line: Color32,
    /// Outlines of what can be used.
    pub edge: Color32,
    /// Words.
    pub text: Color32,
    /// Quieter words.
    pub text2: Color32,
    /// The one obvious next step.
    pub brand: Color32,
    /// Words on it.
    pub on_brand: Color32,
    /// Links, focus, what is on.
    pub accent: Color32,
    /// Words on it.
    pub on_accent: Color32,
    /// A quiet ground for accent words.
    pub accent_soft: Color32,
    /// All is well.
    pub good: Color32,
    /// Its ground.
    pub good_soft: Color32,
    /// Worth a look.
    pub warn: Color32,
    /// Its ground.
    pub warn_soft: Color32,
    /// Broken.
    pub bad: Color32,
    /// Its ground.
    pub bad_soft: Color32,
    /// Lit bars of the meter.
    pub meter_good: Color32,
    /// Bars that are a bit loud.
    pub meter_warn: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// To answer a call.
pub const ANSWER: Color32 = rgb(0x1A7F4B);
/// To hang up.
pub const HANG_UP: Color32 = rgb(0xD93A28);
/// The hero's ground, in both themes.
pub const LAGOON: Color32 = rgb(0x16313A);
/// The hero's edge in the dark.
pub const LAGOON_EDGE: Color32 = rgb(0x254853);
/// Words on the hero.
pub const CREAM: Color32 = rgb(0xF6EFE2);
/// The brand colour under a pointer.
pub const BRAND_HOVER: Color32 = rgb(0xFFC561);
/// The call bar: 91 % of it lies over the picture.
pub const STAGE_BAR: Color32 = rgb(0x14171A);
/// The ground of all text on video, at 66 %: white on it is readable over a white picture.
pub const GLASS: Color32 = rgb(0x0C0E10);

/// The light theme.
pub static LIGHT: Tokens = Tokens {
    dark: false,
    bg: rgb(0xFAF7F2),
    surface: rgb(0xFFFFFF),
    sunken: rgb(0xF1ECE3),
    line: rgb(0xE2DACD),
    edge: rgb(0x857C6D),
    text: rgb(0x1E1B17),
    text2: rgb(0x5E574D),
    brand: rgb(0xFFB02E),
    on_brand: rgb(0x1E1B17),
    accent: rgb(0x0A6A84),
    on_accent: rgb(0xFFFFFF),
    accent_soft: rgb(0xDDF0F4),
    good: rgb(0x1A7342),
    good_soft: rgb(0xDFF3E6),
    warn: rgb(0x855600),
    warn_soft: rgb(0xFFF0CF),
    bad: rgb(0xB3261E),
    bad_soft: rgb(0xFCE5E2),
    meter_good: rgb(0x1F9A58),
    meter_warn: rgb(0xD98A00),
};

/// The dark theme.
pub static DARK: Tokens = Tokens {
    dark: true,
    bg: rgb(0x111316),
    surface: rgb(0x1A1D21),
    sunken: rgb(0x24282D),
    line: rgb(0x2F343A),
    edge: rgb(0x7C838C),
    text: rgb(0xF4EFE6),
    text2: rgb(0xB5AFA5),
    brand: rgb(0xFFB02E),
    on_brand: rgb(0x1E1B17),
    accent: rgb(0x63C7DE),
    on_accent: rgb(0x06222A),
    accent_soft: rgb(0x12323B),
    good: rgb(0x6CD398),
    good_soft: rgb(0x14301F),
    warn: rgb(0xFFC861),
    warn_soft: rgb(0x3A2C10),
    bad: rgb(0xFF8F84),
    bad_soft: rgb(0x3E1B18),
    meter_good: rgb(0x5CCB8C),
    meter_warn: rgb(0xFFC861),
};

/// The call stage, dark in both themes.
pub static STAGE: Tokens = Tokens {
    dark: true,
    bg: rgb(0x0C0E10),
    surface: rgb(0x171A1E),
    sunken: rgb(0x24282D),
    line: rgb(0x2F343A),
    edge: rgb(0x7C838C),
    text: rgb(0xF4EFE6),
    text2: rgb(0xB5AFA5),
    brand: rgb(0xFFB02E),
    on_brand: rgb(0x1E1B17),
    accent: rgb(0x63C7DE),
    on_accent: rgb(0x06222A),
    accent_soft: rgb(0x12323B),
    good: rgb(0x6CD398),
    good_soft: rgb(0x14301F),
    warn: rgb(0xFFC861),
    warn_soft: rgb(0x3A2C10),
    bad: rgb(0xFF8F84),
    bad_soft: rgb(0x3E1B18),
    meter_good: rgb(0x5CCB8C),
    meter_warn: rgb(0xFFC861),
};

/// The tokens that hold here: of the theme, or of the stage inside [`on_stage`].
pub fn tokens(ui: &Ui) -> &'static Tokens {
    let visuals = ui.visuals();
    if visuals.panel_fill == STAGE.bg {
        &STAGE
    } else if visuals.dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

/// Shows `contents` with the stage's colours.
pub fn on_stage<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.scope(|ui| {
        let motion = ui.style().animation_time;
        let mut style = (*ui.ctx().style_of(Theme::Dark)).clone();
        dress(&mut style, &STAGE);
        style.animation_time = motion;
        ui.set_style(style);
        contents(ui)
    })
    .inner
}

/// The weights of Inter in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    /// Sentences, 420.
    Regular,
    /// Names and values, 530.
    Medium,
    /// Labels and headings, 630.
    Semibold,
    /// Titles, 660, drawn for large sizes.
    Display,
}

impl Weight {
    const ALL: [Self; 4] = [Self::Regular, Self::Medium, Self::Semibold, Self::Display];

    fn family(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Medium => "medium",
            Self::Semibold => "semibold",
            Self::Display => "display",
        }
    }

    fn coordinates(self) -> [(&'static [u8; 4], f32); 2] {
        match self {
            Self::Regular => [(b"wght", 420.0), (b"opsz", 14.0)],
            Self::Medium => [(b"wght", 530.0), (b"opsz", 14.0)],
            Self::Semibold => [(b"wght", 630.0), (b"opsz", 16.0)],
            Self::Display => [(b"wght", 660.0), (b"opsz", 32.0)],
        }
    }
}

/// Inter, `size` points high.
pub fn font(size: f32, weight: Weight) -> FontId {
    FontId::new(size, FontFamily::Name(weight.family().into()))
}

/// The icons' font, filled for what is on.
pub fn icon_font(size: f32, filled: bool) -> FontId {
    FontId::new(
        size,
        FontFamily::Name(if filled { "icons-filled" } else { "icons" }.into()),
    )
}

/// The font of the pictures beside safety words, and of nothing else.
pub fn emoji_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("emoji".into()))
}

/// Titles, 26.
pub fn title() -> FontId {
    font(26.0, Weight::Display)
}
/// Headings, 19.
pub fn heading() -> FontId {
    font(19.0, Weight::Semibold)
}
/// Over a card, 15.
pub fn card_heading() -> FontId {
    font(15.0, Weight::Semibold)
}
/// Sentences, 14.5.
pub fn body() -> FontId {
    font(14.5, Weight::Regular)
}
/// Names in rows, 14.5.
pub fn name() -> FontId {
    font(14.5, Weight::Medium)
}
/// Labels of fields and buttons, 14.
pub fn label() -> FontId {
    font(14.0, Weight::Semibold)
}
/// Small sentences, 12.5.
pub fn small() -> FontId {
    font(12.5, Weight::Regular)
}
/// Small words that matter, 12.5.
pub fn small_medium() -> FontId {
    font(12.5, Weight::Medium)
}

/// Lays out `text` in lines 1.42 times as high as the font, at most `width` wide.
pub fn paragraph(text: &str, font: FontId, color: Color32, width: f32) -> LayoutJob {
    let line_height = Some((font.size * 1.42).round());
    let mut job = LayoutJob::single_section(
        text.to_owned(),
        TextFormat {
            font_id: font,
            color,
            line_height,
            ..TextFormat::default()
        },
    );
    job.wrap.max_width = width;
    job
}

/// How long something may move: `seconds`, or not at all for people who asked for stillness.
pub fn motion(ui: &Ui, seconds: f32) -> f32 {
    if is_still(ui) { 0.0 } else { seconds }
}

/// Nothing may move by itself.
pub fn is_still(ui: &Ui) -> bool {
    ui.style().animation_time == 0.0
}

/// `color`, `alpha` of it.
pub fn fade(color: Color32, alpha: f32) -> Color32 {
    color.gamma_multiply(alpha)
}

/// `share` of the way from `from` to `to`.
pub fn mix(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share)
}

/// Brings fonts and styles into the window; once, before the first frame.
pub fn install(ctx: &Context) {
    install_fonts(ctx);
    for (theme, tokens) in [(Theme::Light, &LIGHT), (Theme::Dark, &DARK)] {
        ctx.style_mut_of(theme, |style| dress(style, tokens));
    }
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
}

/// Follows what a person chose. Cheap when nothing changed, so it is called once a frame.
pub fn follow(ctx: &Context, choice: ThemeChoice, reduced_motion: bool) {
    ctx.set_theme(match choice {
        ThemeChoice::System => ThemePreference::System,
        ThemeChoice::Light => ThemePreference::Light,
        ThemeChoice::Dark => ThemePreference::Dark,
    });
    let animation_time = if reduced_motion { 0.0 } else { 0.14 };
    for theme in [Theme::Light, Theme::Dark] {
        if ctx.style_of(theme).animation_time != animation_time {
            ctx.style_mut_of(theme, |style| style.animation_time = animation_time);
        }
    }
}

fn install_fonts(ctx: &Context) {
    let inter: &'static [u8] = include_bytes!("../../assets/fonts/InterVariable.ttf");
    let icons: &'static [u8] = include_bytes!("../../assets/fonts/Phosphor.ttf");
    let icons_filled: &'static [u8] = include_bytes!("../../assets/fonts/Phosphor-Fill.ttf");
    let emoji: &'static [u8] = include_bytes!("../../assets/fonts/NotoEmoji.ttf");
    let mut fonts = FontDefinitions::empty();
    for weight in Weight::ALL {
        let mut data = FontData::from_static(inter);
        data.tweak.coords = VariationCoords::new(weight.coordinates());
        fonts
            .font_data
            .insert(weight.family().to_owned(), Arc::new(data));
        fonts.families.insert(
            FontFamily::Name(weight.family().into()),
            vec![weight.family().to_owned()],
        );
    }
    for (name, data) in [
        ("icons", icons),
        ("icons-filled", icons_filled),
        ("emoji", emoji),
    ] {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(data)));
        fonts.families.insert(
            FontFamily::Name(name.into()),
            vec![name.to_owned(), Weight::Regular.family().to_owned()],
        );
    }
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts
            .families
            .insert(family, vec![Weight::Regular.family().to_owned()]);
    }
    ctx.set_fonts(fonts);
}

/// Makes what egui paints by itself (text fields, menus, tooltips, scroll bars) look like the rest.
fn dress(style: &mut egui::Style, tokens: &Tokens) {
    for (text_style, font) in [
        (TextStyle::Small, small()),
        (TextStyle::Body, body()),
        (TextStyle::Button, body()),
        (TextStyle::Monospace, body()),
        (TextStyle::Heading, heading()),
    ] {
        style.text_styles.insert(text_style, font);
    }
    style.animation_time = 0.14;
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(8.0, 8.0);
    spacing.button_padding = vec2(16.0, 10.0);
    spacing.interact_size.y = 40.0;
    spacing.menu_margin = Margin::symmetric(10, 7);
    spacing.tooltip_width = 280.0;
    // A fine handle over the contents, only where there is more to see.
    spacing.scroll = egui::style::ScrollStyle {
        bar_width: 8.0,
        floating_width: 4.0,
        bar_outer_margin: 3.0,
        ..egui::style::ScrollStyle::floating()
    };

    let visuals = &mut style.visuals;
    visuals.dark_mode = tokens.dark;
    visuals.panel_fill = tokens.bg;
    visuals.window_fill = tokens.surface;
    visuals.extreme_bg_color = tokens.surface;
    visuals.faint_bg_color = tokens.sunken;
    visuals.override_text_color = Some(tokens.text);
    visuals.weak_text_color = Some(tokens.text2);
    visuals.hyperlink_color = tokens.accent;
    visuals.selection.bg_fill = fade(tokens.accent, 0.28);
    visuals.selection.stroke = Stroke::new(2.0, tokens.accent);
    visuals.text_cursor.stroke = Stroke::new(2.0, tokens.accent);
    visuals.text_cursor.blink = false;
    visuals.disabled_alpha = 0.45;
    visuals.window_corner_radius = CornerRadius::same(20);
    visuals.menu_corner_radius = CornerRadius::same(12);
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.popup_shadow = Shadow {
        offset: [0, 6],
        blur: 20,
        spread: 0,
        color: fade(LIGHT.text, 0.16),
    };
    let widgets = &mut visuals.widgets;
    for widget in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        widget.corner_radius = CornerRadius::same(12);
        widget.expansion = 0.0;
        widget.bg_stroke = Stroke::new(1.0, tokens.line);
        widget.weak_bg_fill = tokens.surface;
        widget.bg_fill = tokens.sunken;
        widget.fg_stroke.color = tokens.text2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::EMOJI;

    /// WCAG 2 contrast of two opaque colours.
    fn contrast(one: Color32, other: Color32) -> f32 {
        let luminance = |color: Color32| {
            let linear = egui::Rgba::from(color);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn all_pictures_are_in_the_font() {
        let ctx = Context::default();
        install(&ctx);
        let mut output = ctx.run_ui(egui::RawInput::default(), |_| {});
        output.textures_delta.clear();
        let has = |glyph| ctx.fonts_mut(|fonts| fonts.has_glyph(&emoji_font(28.0), glyph));
        for emoji in &EMOJI {
            assert!(has(emoji.glyph), "{emoji:?}");
        }
        assert!(!has('\u{1f40e}'), "a horse is not among them");
    }

    #[test]
    fn words_are_readable_wherever_they_stand() {
        for tokens in [&LIGHT, &DARK, &STAGE] {
            for (ink, ground) in [
                (tokens.text, tokens.bg),
                (tokens.text, tokens.surface),
                (tokens.text, tokens.sunken),
                (tokens.text2, tokens.bg),
                (tokens.text2, tokens.surface),
                (tokens.text2, tokens.sunken),
                (tokens.accent, tokens.bg),
                (tokens.accent, tokens.accent_soft),
                (tokens.on_accent, tokens.accent),
                (tokens.on_brand, tokens.brand),
                (tokens.on_brand, BRAND_HOVER),
                (tokens.good, tokens.good_soft),
                (tokens.warn, tokens.warn_soft),
                (tokens.bad, tokens.bad_soft),
                (Color32::WHITE, HANG_UP),
                (Color32::WHITE, ANSWER),
                (CREAM, LAGOON),
            ] {
                let contrast = contrast(ink, ground);
                assert!(contrast >= 4.5, "{ink:?} on {ground:?}: {contrast:.2}");
            }
            assert!(contrast(tokens.edge, tokens.surface) >= 3.0);
        }
    }
}

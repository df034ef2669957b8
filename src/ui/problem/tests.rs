//! The sheet as a person meets it: by name, by key, in order.

use super::*;
use crate::engine::{HandleBackend, Snapshot};
use crate::settings::{Settings, ThemeChoice};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::sync::Arc;

fn rung(name: &str, detail: &str, state: RungState) -> Rung {
    Rung {
        name: name.into(),
        detail: detail.into(),
        state,
    }
}

fn problem() -> Problem {
    Problem {
        title: "We couldn’t reach Priya".into(),
        explanation: "The network you’re on blocks calls straight to another computer.".into(),
        rungs: vec![
            rung("You’re on the internet", "Fine", RungState::Passed),
            rung("Your call server answers", "31 ms", RungState::Passed),
            rung("A direct line", "Blocked on your side", RungState::Failed),
            rung("A relay to go around it", "", RungState::NotTried),
        ],
        cure: "Try your phone’s hotspot.".into(),
        can_try_again: true,
        report: "direct line: failed".into(),
    }
}

struct Window {
    problem: Problem,
    handle: Handle,
    event: Option<ProblemEvent>,
}

fn window(problem: Problem, size: Vec2) -> (Harness<'static, Window>, HandleBackend) {
    let (handle, engine) =
        Handle::new(Snapshot::lobby(Arc::new(Settings::default())), Box::new(()));
    let state = Window {
        problem,
        handle,
        event: None,
    };
    let mut dressed = false;
    let mut harness = Harness::builder().with_size(size).build_ui_state(
        move |ui, window: &mut Window| {
            if !std::mem::replace(&mut dressed, true) {
                theme::install(ui.ctx());
            }
            theme::follow(ui.ctx(), ThemeChoice::Light, true);
            let event = show(ui.ctx(), &window.problem, &window.handle);
            window.event = window.event.or(event);
        },
        state,
    );
    harness.run_steps(4);
    (harness, engine)
}

fn press(harness: &mut Harness<'static, Window>, name: &str) {
    harness.get_by_label(name).click();
    harness.run_steps(3);
}

#[test]
fn the_ladder_is_read_from_the_ground_up_with_what_helps() {
    let (harness, _engine) = window(problem(), vec2(980.0, 680.0));
    let mut above = 0.0;
    for name in [
        "You’re on the internet: works, Fine",
        "Your call server answers: works, 31 ms",
        "A direct line: does not work, Blocked on your side",
        "What helps",
        "Try your phone’s hotspot.",
        "A relay to go around it: not tried",
    ] {
        let place = harness.get_by_label(name).rect();
        assert!(place.top() > above, "{name}");
        above = place.top();
    }
}

#[test]
fn each_way_out_does_what_it_says_at_any_size() {
    for size in [vec2(980.0, 680.0), vec2(380.0, 520.0)] {
        let (mut harness, mut engine) = window(problem(), size);
        press(&mut harness, "Try again");
        assert_eq!(engine.commands.try_recv().ok(), Some(Command::TryAgain));
        press(&mut harness, "Close");
        assert_eq!(
            engine.commands.try_recv().ok(),
            Some(Command::DismissProblem)
        );
        press(&mut harness, "Copy report");
        assert_eq!(harness.state().event, Some(ProblemEvent::ReportCopied));
        harness.key_press(Key::Escape);
        harness.run_steps(2);
        assert_eq!(
            engine.commands.try_recv().ok(),
            Some(Command::DismissProblem)
        );
    }
}

#[test]
fn the_keyboard_starts_where_it_calls_nobody_and_stays_in_the_sheet() {
    let (mut harness, mut engine) = window(problem(), vec2(980.0, 680.0));
    let focused = |harness: &Harness<'static, Window>| {
        harness
            .query_all(egui_kittest::kittest::by().predicate(|node| node.is_focused()))
            .find_map(|node| node.accesskit_node().label())
            .unwrap_or_default()
    };
    assert_eq!(focused(&harness), "Close");
    let mut order = Vec::new();
    for _ in 0..5 {
        harness.key_press_modifiers(Modifiers::NONE, Key::Tab);
        harness.run_steps(3);
        order.push(focused(&harness));
    }
    let forward = ["Copy report", "Try again"];
    assert_eq!(
        order,
        [forward[0], forward[1], "Close", forward[0], forward[1]]
    );
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(engine.commands.try_recv().ok(), Some(Command::TryAgain));
}

#[test]
fn where_trying_again_is_of_no_use_it_is_not_offered() {
    let mut hopeless = problem();
    hopeless.can_try_again = false;
    let (mut harness, mut engine) = window(hopeless, vec2(980.0, 680.0));
    assert!(harness.query_by_label("Try again").is_none());
    press(&mut harness, "Back to start");
    assert_eq!(
        engine.commands.try_recv().ok(),
        Some(Command::DismissProblem)
    );
}

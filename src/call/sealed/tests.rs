//! Whole sides with their keys, people who do this and that, lines that drop, and a server between them
//! that is honest or anything else; all of it on virtual time, from a seed.

mod cost;
mod server;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::call::Answer;
use world::{Plot, World};

/// So that a run of other seeds can be asked for: `TWOCAN_SEED=…`.
fn first_seed() -> u64 {
    let given = std::env::var("TWOCAN_SEED").ok();
    given.map_or(1, |seed| seed.parse().expect("a number"))
}

/// The seed of a run that fails is the last that is printed.
fn play(seed: u64, plot: Plot) -> World {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, plot);
        world.play();
        world
    }));
    played.unwrap_or_else(|panic| {
        println!("{plot:?} with seed {seed} (TWOCAN_SEED={seed})");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn whatever_happens_nothing_starts_unasked_and_both_agree_how_it_ended() {
    const STEPS: u64 = 1_000_000;
    let (mut steps, mut seed, mut connected) = (0, first_seed(), 0);
    println!("from seed {seed} on");
    while steps < STEPS {
        for plot in [Plot::Faults(Answer::Asked), Plot::Calm] {
            let world = play(seed, plot);
            steps += world.steps;
            connected += world.lines_stood;
        }
        seed += 1;
    }
    println!("{steps} steps, {connected} lines stood, up to seed {seed}");
    assert!(
        connected > seed - first_seed(),
        "hardly anybody ever talked"
    );
}

#[test]
fn no_server_connects_anybody_to_the_wrong_one() {
    const RUNS: u64 = 10_000;
    let first = first_seed();
    println!("from seed {first} on");
    let (mut attacks, mut connected, mut refused) = (0, 0, 0);
    for seed in first..first + RUNS {
        let world = play(seed, Plot::Malice);
        attacks += world.attacks();
        connected += world.lines_stood;
        refused +=
            world.ended_by(CallEndReason::NotTrusted) + world.ended_by(CallEndReason::WrongCode);
    }
    println!("{RUNS} runs, {attacks} attacks, {connected} lines stood, {refused} calls refused");
    assert!(attacks > 9 * RUNS && connected > 0 && refused > 0);
}

/// The checks of the tests above see it: a side that answers without being asked is caught by them.
#[test]
fn a_side_that_answers_unasked_is_caught() {
    let caught = (1..50).any(|seed| {
        let play = || World::new(seed, Plot::Faults(Answer::Everybody)).play();
        catch_unwind(AssertUnwindSafe(play)).is_err()
    });
    assert!(caught);
}

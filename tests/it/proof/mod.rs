//! Whole calls between real processes, measured from outside. `./dev prove` shows the figures.

mod call;
mod clashes;
mod contacts;
mod cost;
mod desk;
mod echo;
mod film;
#[path = "../../../examples/shots/portrait.rs"]
mod portrait;
mod reader;
pub mod rig;
mod windows;

use rig::measure_itself;

#[test]
fn the_measures_find_what_is_wrong_and_only_that() {
    let _alone = rig::alone();
    measure_itself();
}

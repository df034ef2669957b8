//! All that the fuzzer has ever found worth keeping, once more.

use std::fs;

use super::proof::rig::in_repository;

#[path = "../../fuzz/targets.rs"]
mod targets;

type Target = fn(&[u8]);

#[test]
fn nothing_that_was_found_before_does_harm() {
    let all: [(&str, Target); 5] = [
        ("envelope", targets::envelope),
        ("invite", targets::invite),
        ("protocol", targets::protocol),
        ("contacts", targets::contacts),
        ("portrait", targets::portrait),
    ];
    for (name, take) in all {
        let folder = in_repository("fuzz/corpus").join(name);
        let mut taken = 0;
        for entry in fs::read_dir(folder).expect("it is in the repository") {
            let path = entry.expect("readable").path();
            take(&fs::read(&path).expect("readable"));
            taken += 1;
        }
        println!("{name}: {taken}");
        assert!(taken > 0, "{name} has none");
    }
}

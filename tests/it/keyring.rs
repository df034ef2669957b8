//! Who we are, kept by a real keyring.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use crate::support::TempDir;

/// Begins a session of a desktop whose keyring is open, and becomes what follows.
const UNLOCKED: &str = r#"printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1 && exec "$@""#;
/// The same, with a keyring that nobody opens, and no display on which it could ask.
const LOCKED: &str = r#"exec "$@""#;

/// In such a session: the exit code, what was printed, and what was said.
fn identity(home: &TempDir, session: &str) -> (Option<i32>, String, String) {
    let said = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", session, "sh"])
        .args([env!("CARGO_BIN_EXE_twocan"), "identity", "show"])
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("a session");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (said.status.code(), text(said.stdout), text(said.stderr))
}

#[test]
fn a_keyring_keeps_who_we_are_and_a_locked_one_makes_no_stranger_of_us() {
    let home = TempDir::new();
    let (code, first, said) = identity(&home, UNLOCKED);
    assert_eq!(code, Some(0), "{said}");
    let file = home.path().join(".config/twocan/identity.key");
    let kept = || fs::read_to_string(&file).expect("a file that says where it is");
    assert_eq!(kept(), "keyring", "{said}");
    let (code, again, said) = identity(&home, UNLOCKED);
    assert_eq!((code, again), (Some(0), first.clone()), "{said}");
    let (code, shown, said) = identity(&home, LOCKED);
    assert_eq!((code, shown.as_str()), (Some(3), ""), "{said}");
    assert!(
        said.contains("your identity is in this system's keyring"),
        "{said}"
    );
    assert_eq!(kept(), "keyring");
    let (_, again, said) = identity(&home, UNLOCKED);
    assert_eq!(again, first, "{said}");
}

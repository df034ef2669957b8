//! A world of its own for the lab: network, processes, and where needed the rights to make more of
//! them. What it starts ends with it, whatever ends it: the system ends every process of such a world
//! with its first.

use std::env;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// Set where the process is inside already.
const INSIDE: &str = "TWOCAN_LAB_INSIDE";

/// Begins this program again in a world of its own; returns if it is in one.
///
/// # Errors
/// When the system lets us make none.
pub fn from_everything_else() -> anyhow::Result<()> {
    if env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let works = unshare()
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("`unshare` (package util-linux) cannot be started")?;
    anyhow::ensure!(
        works.success(),
        "This system lets you make no network of your own, which the lab needs: run it as root, or allow \
         it (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu \
         kernel.apparmor_restrict_unprivileged_userns=0)."
    );
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    tun.context(
        "This system has no TUN devices (/dev/net/tun), which the lab's lines are made of",
    )?;
    let program = env::current_exe().context("where is this program?")?;
    let error = unshare()
        .arg(program)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(error).context("`unshare` cannot be started")
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    // SAFETY: only asks.
    if unsafe { libc::geteuid() } != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

//! A world of its own for the lab: network, processes, and where needed the rights to make more of
//! them. What it starts ends with it, whatever ends it: the system ends every process of such a world
//! with its first. And a folder for what programs leave lying about, which goes with it too.

use std::env;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

/// Set where the process is inside already.
const INSIDE: &str = "TWOCAN_LAB_INSIDE";

/// Does `work` in a world of its own, for which this program is begun again.
///
/// # Errors
/// When the system lets us make none.
pub fn from_everything_else(work: impl FnOnce() -> ExitCode) -> anyhow::Result<ExitCode> {
    if env::var_os(INSIDE).is_some() {
        return Ok(work());
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
    let litter = Litter::new()?;
    let program = env::current_exe().context("where is this program?")?;
    adopt_orphans();
    let inside = unshare()
        .arg(program)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .env("TMPDIR", &litter.0)
        .spawn()
        .context("`unshare` cannot be started")?;
    accompany(inside)
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

/// Waits for the end of the other world, and brings it about when somebody asks for it (ctrl-c).
fn accompany(mut inside: Child) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let asked = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut child_ended = signal(SignalKind::child())?;
        loop {
            if inside.try_wait()?.is_some() {
                return Ok::<_, std::io::Error>(None);
            }
            tokio::select! {
                _ = child_ended.recv() => {}
                _ = interrupt.recv() => return Ok(Some(INTERRUPTED)),
                _ = terminate.recv() => return Ok(Some(TERMINATED)),
            }
        }
    })?;
    if asked.is_some() {
        inside.kill()?;
    }
    let status = inside.wait()?;
    wait_for_orphans();
    Ok(ExitCode::from(asked.unwrap_or_else(|| code(status))))
}

/// Has what a child of ours leaves behind become our own children.
fn adopt_orphans() {
    // SAFETY: changes this process alone.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
}

/// Until there are none. The first process of a world ends as its last: then nobody writes any more to
/// what is to be removed.
fn wait_for_orphans() {
    // SAFETY: a null pointer says that nobody wants to know how it ended.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
}

/// As shells tell of programs that a signal ended.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

fn code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(1)
}

/// A folder that is gone when this is.
struct Litter(PathBuf);

impl Litter {
    fn new() -> anyhow::Result<Self> {
        let path = env::temp_dir().join(format!("twocan-lab-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        // What cannot be removed is in the system's own folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

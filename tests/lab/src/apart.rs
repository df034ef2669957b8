//! A world of its own for the lab: network, processes, and where needed the rights to make more of
//! them. What it starts ends with it, whatever ends it: the system ends every process of such a world
//! with its first, which ends with whoever made it. And folders for what programs leave lying about and
//! for what is not finished, which go with it too.

use std::env;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::folders;

/// Set where the process is inside already, to what it is there.
const INSIDE: &str = "TWOCAN_LAB_INSIDE";
/// The first process.
const GUARD: &str = "guard";
/// The one that does the work.
const WORKER: &str = "worker";
/// Names the folder of what is not finished.
const UNFINISHED: &str = "TWOCAN_LAB_UNFINISHED";

/// Does `work` in a world of its own, for which this program is begun again.
///
/// # Errors
/// When the system lets us make none.
pub fn from_everything_else(work: impl FnOnce() -> ExitCode) -> anyhow::Result<ExitCode> {
    match env::var_os(INSIDE) {
        Some(part) if part == GUARD => return guard(),
        Some(_) => return Ok(work()),
        None => {}
    }
    let works = unshare()
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("`unshare` (package util-linux) cannot be started")?;
    anyhow::ensure!(works.success(), NotHere::NoNetworks);
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    anyhow::ensure!(tun.is_ok(), NotHere::NoTun);
    let litter = Litter::new(&env::temp_dir())?;
    // Hundreds of megabytes, which are to stay where they are when they are finished.
    let unfinished = Litter::new(&folders::in_results(""))?;
    adopt_orphans();
    let inside = unshare()
        .arg(env::current_exe().context(WHERE)?)
        .args(env::args_os().skip(1))
        .env(INSIDE, GUARD)
        .env("TMPDIR", &litter.0)
        .env(UNFINISHED, &unfinished.0)
        // Ends with this process, however that ends.
        .stdin(Stdio::piped())
        // What a terminal says is said to this process, which ends the others.
        .process_group(0)
        .spawn()
        .context("`unshare` cannot be started")?;
    accompany(inside)
}

const WHERE: &str = "where is this program?";

/// The first process of the other world: ends with the one outside, lets another do the work, and
/// meanwhile takes away the dead that nobody else waits for, of which every browser leaves some.
fn guard() -> anyhow::Result<ExitCode> {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(1)
    });
    let worker = Command::new(env::current_exe().context(WHERE)?)
        .args(env::args_os().skip(1))
        .env(INSIDE, WORKER)
        .stdin(Stdio::null())
        .spawn()
        .context("the lab cannot be started once more")?;
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to an integer of ours.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if i64::from(ended) == i64::from(worker.id()) {
            return Ok(ExitCode::from(code(ExitStatus::from_raw(status))));
        }
        anyhow::ensure!(ended > 0, "the lab's own process is gone");
    }
}

/// Why this system lets nobody emulate a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHere {
    /// Without the right to make networks.
    NoNetworks,
    /// Nothing that a line can be made of.
    NoTun,
}

impl fmt::Display for NotHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNetworks => {
                "This system lets you make no network of your own, which the lab needs: run it as root, \
                 or allow it (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu \
                 kernel.apparmor_restrict_unprivileged_userns=0)."
            }
            Self::NoTun => {
                "This system has no TUN devices (/dev/net/tun), which the lab's lines are made of."
            }
        })
    }
}

impl std::error::Error for NotHere {}

/// In a world of its own: the folder for what is not finished, beside the lab's results.
///
/// # Errors
/// Elsewhere.
pub fn unfinished() -> anyhow::Result<PathBuf> {
    let folder = env::var_os(UNFINISHED).context("this is not the lab's own world")?;
    Ok(folder.into())
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
        let mut hangup = hangup()?;
        let mut child_ended = signal(SignalKind::child())?;
        loop {
            if inside.try_wait()?.is_some() {
                return Ok::<_, std::io::Error>(None);
            }
            tokio::select! {
                _ = child_ended.recv() => {}
                _ = interrupt.recv() => return Ok(Some(INTERRUPTED)),
                _ = terminate.recv() => return Ok(Some(TERMINATED)),
                () = next(&mut hangup) => return Ok(Some(HUNG_UP)),
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

/// The terminal is gone; none where that is to be ignored, as under `nohup`.
fn hangup() -> std::io::Result<Option<Signal>> {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks; the pointer is to a whole `sigaction`, of which zeroed is a valid one.
    let action = unsafe {
        libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    if action.sa_sigaction == libc::SIG_IGN {
        return Ok(None);
    }
    signal(SignalKind::hangup()).map(Some)
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
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
const HUNG_UP: u8 = 129;
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

fn code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(1)
}

/// A folder that is gone when this is.
struct Litter(PathBuf);

impl Litter {
    fn new(within: &Path) -> anyhow::Result<Self> {
        let path = within.join(format!("twocan-lab-{}", std::process::id()));
        // Anew: what is there already is somebody else's.
        fs::create_dir_all(within)
            .and_then(|()| fs::create_dir(&path))
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        // What cannot be removed is where nobody keeps anything.
        let _ = fs::remove_dir_all(&self.0);
    }
}

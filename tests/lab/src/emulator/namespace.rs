use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::thread;

use anyhow::Context as _;

use super::tun::Tun;

/// A network of its own: interfaces, addresses, ports. It lasts as long as this or a process in it.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// An empty one with its loopback up.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new() -> anyhow::Result<Self> {
        // A thread has a network of its own if it asks, and takes it along when it ends; the file
        // keeps it.
        let file = thread::spawn(|| {
            // SAFETY: changes this new thread alone.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error());
            }
            File::open("/proc/thread-self/ns/net")
        })
        .join()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))?
        .context("this system lets us make no network namespace; run it as root")?;
        let namespace = Self(file);
        namespace.within(without_ipv6)?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// The way in for another thread.
    ///
    /// # Errors
    /// When the system gives no more files.
    pub fn entrance(&self) -> io::Result<Entrance> {
        self.0.try_clone().map(Entrance)
    }

    /// Has `command` run in here.
    pub fn enter<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let file = self.0.as_raw_fd();
        // SAFETY: one system call between fork and exec, on a descriptor that outlives it: the
        // caller has the namespace while it starts the command.
        unsafe {
            command.pre_exec(move || match libc::setns(file, libc::CLONE_NEWNET) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            })
        }
    }

    /// Does `work` on a thread in here: sockets that it makes stay here, wherever they are used.
    ///
    /// # Errors
    /// When the system does not let us in.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        let entrance = self.entrance()?;
        let inside = move || {
            entrance.enter()?;
            Ok(work())
        };
        thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// A TUN device in here with the address `own`, the way to everywhere.
    pub(super) fn tun(&self, own: Ipv4Addr, other: Ipv4Addr) -> anyhow::Result<Tun> {
        let tun = self
            .within(Tun::open)?
            .context("/dev/net/tun cannot be used")?;
        let name = Tun::NAME;
        self.ip(&format!("addr add {own} peer {other} dev {name}"))?;
        self.ip(&format!("link set {name} up txqueuelen 10000"))?;
        self.ip(&format!("route add default dev {name}"))?;
        Ok(tun)
    }

    fn ip(&self, arguments: &str) -> anyhow::Result<()> {
        let mut command = Command::new("ip");
        let output = self
            .enter(command.args(arguments.split(' ')))
            .output()
            .context("`ip` (package iproute2) cannot be started")?;
        anyhow::ensure!(
            output.status.success(),
            "`ip {arguments}` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

/// For a thread to go where sockets that it makes belong to the namespace.
#[derive(Debug)]
pub struct Entrance(File);

impl Entrance {
    /// Goes there for good, with all threads and processes that this one will start.
    ///
    /// # Errors
    /// When the system does not let us in.
    pub fn enter(&self) -> io::Result<()> {
        // SAFETY: changes this thread alone.
        match unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The line is IPv4's. What the system says of itself over IPv6, whenever it likes, would move the
/// bursts of a line from one packet to another.
fn without_ipv6() {
    for of in ["all", "default"] {
        // Where there is no IPv6, it is quiet already.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{of}/disable_ipv6"), "1");
    }
}

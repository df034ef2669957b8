use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::emulator::{Emulator, LEFT, Namespace, RIGHT};

/// How soon a transfer that waits notices that it is to end.
const IDLE: Duration = Duration::from_millis(100);

/// Two bulk transfers over TCP, one each way, as fast as the line and the system's congestion control
/// let them.
#[derive(Debug)]
pub struct Downloads {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Downloads {
    /// They begin at `at`.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn from(at: Instant, emulator: &Emulator) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (from, to, address) in [
            (&emulator.left, &emulator.right, RIGHT),
            (&emulator.right, &emulator.left, LEFT),
        ] {
            threads.extend(transfer(at, from, to, address, &ended)?);
        }
        Ok(Self { ended, threads })
    }

    /// Ends them.
    ///
    /// # Errors
    /// When one broke before.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.ended.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let done = thread.join();
            done.map_err(|_| anyhow::anyhow!("a transfer panicked"))??;
        }
        Ok(())
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn transfer(
    at: Instant,
    from: &Namespace,
    to: &Namespace,
    address: Ipv4Addr,
    ended: &Arc<AtomicBool>,
) -> io::Result<[JoinHandle<io::Result<()>>; 2]> {
    let listener = to.within(|| TcpListener::bind((address, 0)))??;
    listener.set_nonblocking(true)?;
    let goal = listener.local_addr()?;
    let entrance = from.entrance()?;
    let ending = Arc::clone(ended);
    let sender = thread::Builder::new()
        .name("download-sender".to_owned())
        .spawn(move || {
            entrance.enter()?;
            send(at, goal, &ending)
        })?;
    let ending = Arc::clone(ended);
    let receiver = thread::Builder::new()
        .name("download-receiver".to_owned())
        .spawn(move || receive(&listener, &ending))?;
    Ok([sender, receiver])
}

fn send(at: Instant, goal: SocketAddr, ended: &AtomicBool) -> io::Result<()> {
    while let Some(left) = at.checked_duration_since(Instant::now()) {
        if ended.load(Ordering::Acquire) {
            return Ok(());
        }
        thread::sleep(left.min(IDLE));
    }
    let mut line = TcpStream::connect_timeout(&goal, Duration::from_secs(10))?;
    line.set_write_timeout(Some(IDLE))?;
    let block = [0; 16_384];
    while !ended.load(Ordering::Acquire) {
        match line.write(&block) {
            Ok(_) => {}
            Err(error) if is_pause(&error) => {}
            // The other end closes with what it has not read, which resets the line.
            Err(_) if ended.load(Ordering::Acquire) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn receive(listener: &TcpListener, ended: &AtomicBool) -> io::Result<()> {
    let mut line = None;
    let mut block = [0; 16_384];
    while !ended.load(Ordering::Acquire) {
        match &mut line {
            None => match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_read_timeout(Some(IDLE))?;
                    line = Some(stream);
                }
                Err(error) if is_pause(&error) => thread::sleep(IDLE),
                Err(error) => return Err(error),
            },
            Some(stream) => match stream.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            },
        }
    }
    Ok(())
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

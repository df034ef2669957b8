use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A named thread that was told to stop before this is dropped, and is then waited for; but not for
/// ever: a sound server that hangs must not hang the window with it.
#[derive(Debug)]
pub(crate) struct Worker {
    name: &'static str,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl Worker {
    const PATIENCE: Duration = Duration::from_millis(450);

    pub(crate) fn spawn(
        name: &'static str,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (alive, ended) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                // Dropped when `run` returns or panics.
                let _alive = alive;
                run();
            })?;
        Ok(Self {
            name,
            thread: Some(thread),
            ended,
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The last reference to what a thread works with may be dropped by the thread itself.
        if thread.thread().id() == std::thread::current().id() {
            return;
        }
        match self.ended.recv_timeout(Self::PATIENCE) {
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                tracing::warn!(
                    thread = self.name,
                    "the system does not answer; leaving a thread behind"
                );
            }
            _ => {
                if thread.join().is_err() {
                    tracing::error!(thread = self.name, "a thread failed");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_hangs_does_not_hang_who_drops_it() {
        let (release, held) = channel::<()>();
        let worker = Worker::spawn("hanging", move || {
            let _ = held.recv();
        })
        .unwrap();
        drop(worker);
        drop(release);
    }

    #[test]
    fn a_thread_that_panics_is_no_panic_of_its_owner() {
        drop(Worker::spawn("failing", || std::panic::resume_unwind(Box::new(()))).unwrap());
    }
}

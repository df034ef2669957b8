//! This test program started again, to do one thing in a process and environment of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The variable that says what a child is to do.
pub const ROLE: &str = "TWOCAN_TEST_ROLE";

/// How long a child may take to tell what is waited for: some make dozens of calls first.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a child is to do, if this process is one.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Says something to the parent.
pub fn tell(line: &str) {
    println!("\nCHILD {line}");
    std::io::stdout().flush().expect("the parent listens");
}

/// Waits for a line of the parent; false when it is gone.
pub fn wait_for_parent() -> bool {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .is_ok_and(|read| read > 0)
}

/// A child at work; killed when it is dropped.
pub struct Child {
    process: Process,
    says: Receiver<String>,
    hears: Option<ChildStdin>,
}

impl Child {
    /// Starts this program again to run the test `entry` alone, with `role` as what to do.
    pub fn start(entry: &str, role: &str, environment: &HashMap<String, String>) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("our own path"))
            .args(["--exact", entry, "--nocapture", "--test-threads=1"])
            .envs(environment)
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let stdout = process.stdout.take().expect("piped");
        let (tx, says) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tx.send(line).is_err() {
                    return;
                }
            }
        });
        let hears = process.stdin.take();
        Self {
            process,
            says,
            hears,
        }
    }

    /// The next line that the child tells; `None` when it has ended.
    #[track_caller]
    pub fn next_line(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.says.recv_timeout(left) {
                Ok(line) => {
                    if let Some(told) = line.strip_prefix("CHILD ") {
                        return Some(told.trim_end().to_owned());
                    }
                }
                // Failing kills it.
                Err(RecvTimeoutError::Timeout) => panic!("the child tells nothing any more"),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Lets a child that waits go on.
    pub fn go_on(&mut self) {
        let hears = self.hears.as_mut().expect("still open");
        hears.write_all(b"\n").expect("the child lives");
    }

    /// Waits until the child has ended well.
    #[track_caller]
    pub fn finish(mut self) {
        self.hears = None;
        while self.next_line().is_some() {}
        let status = self.process.wait().expect("our child");
        assert!(status.success(), "the child failed: {status}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Has ended already where the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

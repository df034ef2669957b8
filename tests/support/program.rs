//! A program that a test starts, listens to and waits for.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a program may take to say what is waited for, on however slow a computer.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it may take to end; calls that end by themselves last a minute at most.
const ENDING: Duration = Duration::from_secs(300);

/// A program at work, and what it says; killed when it is dropped.
pub struct Program {
    name: &'static str,
    child: Child,
    says: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    /// Starts it.
    pub fn start(name: &'static str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error}"));
        let (tx, says) = channel();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let forward = |stream: Box<dyn std::io::Read + Send>| {
            let tx = tx.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if tx.send(line).is_err() {
                        return;
                    }
                }
            });
        };
        forward(Box::new(out.expect("piped")));
        forward(Box::new(err.expect("piped")));
        Self {
            name,
            child,
            says,
            said: Vec::new(),
        }
    }

    /// Waits for a line with these words in it.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> String {
        self.wait_until(words, |line| line.contains(words))
    }

    /// Waits for a line that is like this.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.says.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if is_it(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("never said “{what}”")),
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("ended without saying “{what}”"));
                }
            }
        }
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Forgets what it has said so far.
    pub fn skip(&mut self) {
        self.said.extend(self.says.try_iter());
    }

    /// Waits for whatever it says next.
    #[track_caller]
    pub fn next_line(&mut self) -> String {
        self.wait_for("")
    }

    /// Presses ctrl-c.
    pub fn interrupt(&self) {
        let status = Command::new("sh")
            .args(["-c", "kill -INT \"$0\""])
            .arg(self.child.id().to_string())
            .status();
        assert!(status.expect("a shell").success(), "{} is gone", self.name);
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        panic!("{} {what}; it said:\n{}", self.name, self.said.join("\n"));
    }

    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + ENDING;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.says.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                // Failing kills it.
                Err(RecvTimeoutError::Timeout) => self.fail("never ended"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.child.wait().expect("our child")
    }

    /// Waits until it has ended, in whatever way: what it said, and its exit code.
    #[track_caller]
    pub fn ended(mut self) -> (Vec<String>, Option<i32>) {
        let code = self.end().code();
        (std::mem::take(&mut self.said), code)
    }

    /// Waits until it has ended well.
    #[track_caller]
    pub fn finish(mut self) -> Vec<String> {
        let status = self.end();
        if !status.success() {
            self.fail(&format!("ended with {status}"));
        }
        std::mem::take(&mut self.said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let rest: Vec<String> = self.says.try_iter().collect();
            eprintln!(
                "{} said:\n{}\n{}",
                self.name,
                self.said.join("\n"),
                rest.join("\n")
            );
        }
    }
}

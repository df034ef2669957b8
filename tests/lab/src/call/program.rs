use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::emulator::Namespace;

/// How often a program that is to end is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// A program at work, and what it says; killed when it is dropped.
pub struct Program {
    name: String,
    child: Child,
    says: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    /// Starts it in `namespace`. Without an `errors` file its standard error is listened to as well.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        name: &str,
        mut command: Command,
        namespace: &Namespace,
        errors: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let errors = match errors {
            Some(path) => Stdio::from(File::create(path)?),
            None => Stdio::piped(),
        };
        let mut child = namespace
            .enter(command.stdin(Stdio::null()))
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| {
                let program = command.get_program().to_string_lossy().into_owned();
                format!("{name} cannot be started ({program})")
            })?;
        let (tx, says) = channel();
        let outputs = [
            child
                .stdout
                .take()
                .map(|out| Box::new(out) as Box<dyn Read + Send>),
            child
                .stderr
                .take()
                .map(|err| Box::new(err) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let tx = tx.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if tx.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            says,
            said: Vec::new(),
        })
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line in which `find` finds something.
    ///
    /// # Errors
    /// When none comes in time, or the program ends.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        deadline: Instant,
        find: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let name = self.name.clone();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.says.recv_timeout(left) {
                Ok(line) => {
                    if let Some(found) = find(&line) {
                        return Ok(found);
                    }
                    self.said.push(line);
                }
                Err(RecvTimeoutError::Timeout) => {
                    anyhow::bail!("{name} {what} not in time. {}", self.last_words())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("{name} ended before it {what}. {}", self.last_words())
                }
            }
        }
    }

    fn last_words(&self) -> String {
        match self.said.last() {
            Some(line) => format!("Its last words: {line}"),
            None => "It said nothing.".to_owned(),
        }
    }

    /// Asks it to end, as ctrl-c does.
    pub fn interrupt(&self) {
        // SAFETY: our own child, which has not been waited for.
        unsafe {
            libc::kill(self.child.id() as libc::pid_t, libc::SIGINT);
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it goes on, or ends badly.
    pub fn finish(mut self, deadline: Instant) -> anyhow::Result<()> {
        let status = self.end(deadline)?;
        // What it said at the end is there now: the pipes are closed.
        self.said.extend(self.says.iter());
        anyhow::ensure!(
            status.success(),
            "{} failed ({status}). {}",
            self.name,
            self.last_words()
        );
        Ok(())
    }

    fn end(&mut self, deadline: Instant) -> anyhow::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "{} does not end. {}",
                self.name,
                self.last_words()
            );
            thread::sleep(GLANCE);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Has ended already where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

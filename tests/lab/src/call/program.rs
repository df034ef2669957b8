use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::alarm::Alarm;
use crate::emulator::Namespace;

/// So many lines wait for somebody to read them. More are not kept: what is measured must not have to
/// wait for us.
const LINES: usize = 1_024;
/// How long the last words of a program that has ended may be under way.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program at work, and what it says; killed when it is dropped.
pub struct Program {
    name: &'static str,
    child: Child,
    /// Closed when it has ended and all of it is here.
    says: Receiver<String>,
    said: Vec<String>,
    /// Waits for its end.
    watch: Option<JoinHandle<()>>,
}

impl Program {
    /// Starts it in `namespace`; what it says on standard error is listened to as well. The alarm rings
    /// when it ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        name: &'static str,
        mut command: Command,
        namespace: &Namespace,
        alarm: Alarm,
    ) -> anyhow::Result<Self> {
        let command = namespace.enter(&mut command);
        Self::spawn(name, command, alarm)
    }

    fn spawn(name: &'static str, command: &mut Command, alarm: Alarm) -> anyhow::Result<Self> {
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = spawned.with_context(|| {
            let program = command.get_program().to_string_lossy().into_owned();
            format!("{name} cannot be started ({program})")
        })?;
        let (tx, says) = sync_channel(LINES);
        // From here on it is killed whatever goes wrong.
        let mut program = Self {
            name,
            child,
            says,
            said: Vec::new(),
            watch: None,
        };
        program.listen(&tx);
        program.watch = Some(watch(program.process()?, tx, alarm)?);
        Ok(program)
    }

    fn listen(&mut self, tx: &SyncSender<String>) {
        let out = self.child.stdout.take();
        let err = self.child.stderr.take();
        let outputs = [
            out.map(|out| Box::new(out) as Box<dyn Read + Send>),
            err.map(|err| Box::new(err) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let tx = tx.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = tx.try_send(line);
                }
            });
        }
    }

    fn process(&self) -> anyhow::Result<Pid> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        id.context("a process without a number")
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
        let name = self.name;
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
                    anyhow::bail!("{name} never {what}. {}", self.last_words())
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

    /// Whether it is at work still.
    ///
    /// # Errors
    /// When it has ended, with its last words.
    pub fn goes_on(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let deadline = Instant::now() + LAST_WORDS;
            while self.hear(deadline) == Heard::Line {}
            let words = self.last_words();
            anyhow::bail!("{} ended during the call ({status}). {words}", self.name);
        }
        Ok(())
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
            match self.hear(deadline) {
                Heard::Line => {}
                Heard::End => return Ok(self.child.wait()?),
                Heard::Nothing => {
                    let words = self.last_words();
                    anyhow::bail!("{} does not end. {words}", self.name);
                }
            }
        }
    }

    fn hear(&mut self, deadline: Instant) -> Heard {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.says.recv_timeout(left) {
            Ok(line) => {
                self.said.push(line);
                Heard::Line
            }
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Line,
    /// And nothing will come any more.
    End,
    /// Until the deadline.
    Nothing,
}

/// Waits for the end of a child, which is still to be waited for then; `tx` is kept until it has come.
fn watch(child: Pid, tx: SyncSender<String>, alarm: Alarm) -> anyhow::Result<JoinHandle<()>> {
    let waits = move || {
        // It fails only where there is no such child any more.
        let _ = waitid(
            WaitId::Pid(child),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        drop(tx);
        alarm.ring();
    };
    let thread = thread::Builder::new().name("program-watch".to_owned());
    thread.spawn(waits).context("there is no thread to be had")
}

impl Drop for Program {
    fn drop(&mut self) {
        // Has ended already where all went well.
        let _ = self.child.kill();
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// What a shell does, in this network.
    fn shell(script: &str) -> (Program, Receiver<()>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let (alarm, heard) = Alarm::new();
        let program = Program::spawn("The shell", &mut command, alarm).expect("a shell");
        (program, heard)
    }

    #[test]
    fn an_end_is_told_at_once_with_the_last_words() {
        let (mut program, alarm) = shell("echo one; echo two >&2; exit 3");
        assert_eq!(alarm.recv_timeout(SOON), Ok(()));
        let error = program.goes_on().expect_err("it has ended").to_string();
        let begin = "The shell ended during the call (exit status: 3). Its last words: ";
        assert!(error.starts_with(begin), "{error}");
    }

    #[test]
    fn what_is_waited_for_comes_or_is_said_to_have_never_come() {
        let (mut program, alarm) = shell("echo connected; exec sleep 60");
        let deadline = Instant::now() + SOON;
        let connected = |line: &str| (line == "connected").then_some(());
        program
            .wait_for("was connected", deadline, connected)
            .expect("it says so");
        program.goes_on().expect("it sleeps");
        let error = program.wait_for("was connected", Instant::now(), connected);
        let error = error.expect_err("once only").to_string();
        assert_eq!(error, "The shell never was connected. It said nothing.");
        assert!(alarm.try_recv().is_err());
        program.interrupt();
        let error = program.finish(deadline).expect_err("interrupted");
        assert!(error.to_string().starts_with("The shell failed (signal: 2"));
    }
}

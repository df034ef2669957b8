use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc as orders;
use twocan::call::{Part, ParticipantId};
use twocan::trust::{Fingerprint, Invite};

use super::Seat;
use super::room::{Heard, Room};
use crate::folders;

/// How long a driver may take to close what it has opened.
const ENDING: Duration = Duration::from_secs(20);
/// Each order is given once.
const ORDERS: usize = 2;
/// What waits to be taken note of. More is not kept, and then how it ended is not either: only a driver
/// that repeats itself without end comes so far.
const NEWS: usize = 64;

/// Another's program, driven by a script in `tests/lab/peers`, with somebody of ours in the room for it.
pub struct Foreign {
    name: &'static str,
    orders: Option<orders::Sender<Order>>,
    news: mpsc::Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Join(Invite, ParticipantId, Part),
    Finish,
}

#[derive(Debug)]
enum News {
    /// With the process that is billed.
    Ready(u32),
    Entered,
    Connected,
    Finished,
    Problem(String),
}

impl Foreign {
    /// Has the program open everything that it will use in the call. The alarm rings when it ends.
    ///
    /// # Errors
    /// With its own sentence when it cannot.
    pub fn prepare(name: &'static str, script: &str, seat: &Seat) -> anyhow::Result<Self> {
        let (orders, taken) = orders::channel(ORDERS);
        let (tx, news) = mpsc::sync_channel(NEWS);
        let script = folders::in_lab("peers").join(script);
        let prepare = json!({
            "type": "prepare",
            "folder": seat.folder,
            "microphone": seat.microphone,
            "camera": seat.camera,
        });
        let log = seat.folder.join("driver.log");
        let enter = seat.namespace.entrance()?;
        let alarm = seat.alarm.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let work = || -> anyhow::Result<()> {
                    enter.enter()?;
                    // Its sockets belong to the network of this thread.
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()?;
                    runtime.block_on(async {
                        let mut companion = Companion::start(&script, &log, tx.clone())?;
                        companion.tell(&prepare).await?;
                        companion.accompany(taken).await
                    })
                };
                if let Err(error) = work() {
                    // Nobody listens any more where the call has been given up.
                    let _ = tx.try_send(News::Problem(format!("{error:#}")));
                }
                drop(tx);
                alarm.ring();
            })?;
        Ok(Self {
            name,
            orders: Some(orders),
            news,
            thread: Some(thread),
        })
    }

    /// Waits until all is open; the process that is billed.
    pub fn ready(&self, deadline: Instant) -> anyhow::Result<u32> {
        self.wait_for("was ready", deadline, |news| match news {
            News::Ready(process) => Some(*process),
            _ => None,
        })
    }

    /// Enters the room of the invite, once it is ready.
    pub fn join(
        &self,
        invite: Invite,
        id: ParticipantId,
        part: Part,
        deadline: Instant,
    ) -> anyhow::Result<()> {
        self.order(Order::Join(invite, id, part));
        self.wait_for("entered the room", deadline, |news| {
            matches!(news, News::Entered).then_some(())
        })
    }

    /// Waits until it is connected.
    pub fn connected(&self, deadline: Instant) -> anyhow::Result<()> {
        self.wait_for("was connected", deadline, |news| {
            matches!(news, News::Connected).then_some(())
        })
    }

    /// Whether it is at work still.
    ///
    /// # Errors
    /// When it is not, with its own sentence.
    pub fn goes_on(&self) -> anyhow::Result<()> {
        loop {
            match self.news.try_recv() {
                Ok(News::Problem(sentence)) => anyhow::bail!("{}: {sentence}", self.name),
                Ok(_) => {}
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => {
                    anyhow::bail!("{} ended during the call.", self.name)
                }
            }
        }
    }

    /// Has it stop, and write down what it heard and saw.
    pub fn stop(&self) {
        self.order(Order::Finish);
    }

    /// Waits until it has, after [`Self::stop`].
    pub fn finish(mut self, deadline: Instant) -> anyhow::Result<()> {
        self.wait_for("finished", deadline, |news| {
            matches!(news, News::Finished).then_some(())
        })?;
        self.end();
        Ok(())
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It is gone where the program has failed, which the news tell.
            let _ = orders.try_send(order);
        }
    }

    fn wait_for<T>(
        &self,
        what: &str,
        deadline: Instant,
        find: impl Fn(&News) -> Option<T>,
    ) -> anyhow::Result<T> {
        let name = self.name;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(News::Problem(sentence)) => anyhow::bail!("{name}: {sentence}"),
                Ok(news) => {
                    if let Some(found) = find(&news) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => anyhow::bail!("{name} never {what}."),
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("{name} ended before it {what}.")
                }
            }
        }
    }

    fn end(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.end();
    }
}

/// Accompanies a driver: hears it, the room and the lab.
struct Companion {
    /// Killed when dropped.
    driver: Child,
    hears: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
    news: mpsc::SyncSender<News>,
    /// Of the program's certificate, once it is ready.
    fingerprint: Option<Fingerprint>,
    room: Option<Room>,
    line: Line,
}

/// The driven program's way to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Sought,
    Found,
}

impl Companion {
    fn start(script: &Path, log: &PathBuf, news: mpsc::SyncSender<News>) -> anyhow::Result<Self> {
        let mut driver = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log)?)
            .kill_on_drop(true)
            .spawn()
            .context("`node` (package nodejs), which drives other programs, cannot be started")?;
        let hears = driver.stdin.take().context("no pipe")?;
        let says = driver.stdout.take().context("no pipe")?;
        Ok(Self {
            driver,
            hears,
            says: BufReader::new(says).lines(),
            news,
            fingerprint: None,
            room: None,
            line: Line::Sought,
        })
    }

    async fn tell(&mut self, message: &Value) -> anyhow::Result<()> {
        self.hears
            .write_all(format!("{message}\n").as_bytes())
            .await
            .context("its driver does not listen any more")
    }

    /// Until there are no more orders, or something goes wrong; then the driver has ended.
    async fn accompany(mut self, orders: orders::Receiver<Order>) -> anyhow::Result<()> {
        let served = self.serve(orders).await;
        // It ends with its input, and takes with it what it has started.
        drop(self.hears);
        let ended = tokio::time::timeout(ENDING, self.driver.wait()).await;
        served?;
        ended.context("its driver does not end")??;
        Ok(())
    }

    async fn serve(&mut self, mut orders: orders::Receiver<Order>) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Join(invite, id, part)) => {
                        let fingerprint = self.fingerprint;
                        let fingerprint = fingerprint.context("it is to join before it is ready")?;
                        self.room = Some(Room::join(&invite, id, part, fingerprint));
                    }
                    Some(Order::Finish) => self.tell(&json!({ "type": "finish" })).await?,
                    None => return Ok(()),
                },
                line = self.says.next_line() => match line? {
                    Some(line) => self.listen(&line).await?,
                    None => anyhow::bail!("its driver ended"),
                },
                heard = next_heard(&mut self.room) => self.handle(heard?).await?,
            }
        }
    }

    async fn handle(&mut self, heard: Heard) -> anyhow::Result<()> {
        match heard {
            Heard::Entered => self.report(News::Entered),
            Heard::Met { offer } => {
                self.tell(&json!({ "type": "start", "offer": offer }))
                    .await?;
            }
            Heard::Said(said) => self.tell(&said).await?,
        }
        Ok(())
    }

    async fn listen(&mut self, line: &str) -> anyhow::Result<()> {
        let said: Value = serde_json::from_str(line)
            .with_context(|| format!("its driver says what is not JSON: {line}"))?;
        match said["type"].as_str() {
            Some("ready") => {
                let process = said["pid"].as_u64().and_then(|id| u32::try_from(id).ok());
                let process = process.context("its driver names no process")?;
                let fingerprint = said["fingerprint"].as_str();
                let fingerprint = fingerprint.context("its driver names no certificate")?;
                let fingerprint = fingerprint.parse::<Fingerprint>().with_context(|| {
                    format!("its driver names a certificate that is none: {fingerprint}")
                })?;
                self.fingerprint = Some(fingerprint);
                self.report(News::Ready(process));
            }
            Some("connection") => self.follow(said["state"].as_str())?,
            Some("finished") => self.report(News::Finished),
            Some("problem") => {
                let sentence = said["sentence"].as_str().unwrap_or("it gave no reason");
                anyhow::bail!("{sentence}");
            }
            _ => match &mut self.room {
                Some(room) => {
                    let passed = room.pass_on(&said).await?;
                    anyhow::ensure!(passed, "its driver says what nobody understands: {line}");
                }
                None => anyhow::bail!("its driver speaks before the call: {line}"),
            },
        }
        Ok(())
    }

    /// The state of its connection (W3C `RTCPeerConnectionState`) is another one.
    fn follow(&mut self, state: Option<&str>) -> anyhow::Result<()> {
        match (state, self.line) {
            (Some("connected"), _) => {
                self.line = Line::Found;
                self.report(News::Connected);
            }
            (Some("failed"), Line::Sought) => anyhow::bail!("no way to the other side was found"),
            (Some("failed"), Line::Found) => anyhow::bail!("it lost the other side"),
            _ => {}
        }
        Ok(())
    }

    fn report(&self, news: News) {
        // Nobody listens any more where the call has been given up.
        let _ = self.news.try_send(news);
    }
}

async fn next_heard(room: &mut Option<Room>) -> anyhow::Result<Heard> {
    match room {
        Some(room) => room.next().await,
        None => std::future::pending().await,
    }
}

//! Packets through an emulated line, and what became of each.

use std::net::UdpSocket;
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use twocan::peer::runtime::Verdict;

use crate::emulator::{Emulator, LEFT, Punctuality, RIGHT};
use crate::prompt::be_prompt;

/// What the receiver can hold while it is not scheduled.
const RECEIVE_BUFFER: libc::c_int = 32 << 20;
/// The line is empty when nothing came for so long.
const SILENCE: Duration = Duration::from_millis(1_500);
/// RTP header, then the number of the packet.
const LEAST_SIZE: usize = 16;
/// IPv4 and UDP headers.
const HEADERS: usize = 28;
/// Of our packets, which look like RTP.
const SSRC: u32 = 0x7457_6f43;

/// How packets are sent.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    pub packets: u32,
    /// On the wire, IP and UDP headers included, in bytes.
    pub size: usize,
    /// Evenly spaced; without, as fast as the system takes them.
    pub per_second: Option<u32>,
}

/// What became of the packets.
#[derive(Debug)]
pub struct Outcome {
    /// When each packet left, by its number.
    pub sent: Vec<Instant>,
    /// What arrived, in order: the number and when.
    pub arrived: Vec<(u32, Instant)>,
    /// How many did not come out, as the line itself has counted.
    pub counted_lost: u64,
    /// What the line itself has decided about each packet, by its number.
    pub fates: Vec<Fate>,
    /// How well the line has kept its times.
    pub punctuality: Punctuality,
}

/// What a line decides about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub verdict: Verdict,
    pub copies: usize,
    /// Of its first copy.
    pub delay: Option<Duration>,
}

impl Traffic {
    /// Sends from the left and receives on the right until the line is empty.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub fn through(self, emulator: &Emulator) -> anyhow::Result<Outcome> {
        let here = emulator.left.within(|| UdpSocket::bind((LEFT, 5_000)))??;
        let there = emulator
            .right
            .within(|| UdpSocket::bind((RIGHT, 5_000)))??;
        here.connect((RIGHT, 5_000))?;
        there.set_read_timeout(Some(SILENCE))?;
        set_receive_buffer(&there);
        let receiver = thread::spawn(move || receive(&there));
        let sender = thread::spawn(move || self.send(&here));
        let sent = sender
            .join()
            .map_err(|_| anyhow::anyhow!("the sender panicked"))??;
        let arrived = receiver
            .join()
            .map_err(|_| anyhow::anyhow!("the receiver panicked"))?;
        let line = emulator.bridge.to_right().stats();
        let stream = line.streams.get(&SSRC);
        let ours = line
            .log()
            .iter()
            .filter(|record| record.rtp.is_some_and(|(ssrc, _)| ssrc == SSRC));
        let fates = ours.map(|record| Fate {
            verdict: record.verdict,
            copies: record.copies,
            delay: record.delivered_at.map(|at| at - record.offered_at),
        });
        let [punctuality, _] = emulator.bridge.punctuality();
        Ok(Outcome {
            sent,
            arrived,
            counted_lost: stream.map_or(0, |stream| stream.lost),
            fates: fates.collect(),
            punctuality,
        })
    }

    fn send(self, socket: &UdpSocket) -> std::io::Result<Vec<Instant>> {
        be_prompt();
        let mut datagram = vec![0; self.size.saturating_sub(HEADERS).max(LEAST_SIZE)];
        (datagram[0], datagram[1]) = (0x80, 96);
        datagram[8..12].copy_from_slice(&SSRC.to_be_bytes());
        let began = Instant::now();
        let mut sent = Vec::with_capacity(self.packets as usize);
        for number in 0..self.packets {
            datagram[2..4].copy_from_slice(&(number as u16).to_be_bytes());
            datagram[12..16].copy_from_slice(&number.to_be_bytes());
            if let Some(per_second) = self.per_second {
                let due = began + Duration::from_secs(1) * number / per_second;
                let wait = due.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    thread::sleep(wait);
                }
            }
            sent.push(Instant::now());
            socket.send(&datagram)?;
        }
        Ok(sent)
    }
}

fn receive(socket: &UdpSocket) -> Vec<(u32, Instant)> {
    be_prompt();
    let mut arrived = Vec::new();
    let mut buffer = [0; 2_048];
    while let Ok(length) = socket.recv(&mut buffer) {
        let now = Instant::now();
        if let Some(number) = buffer[..length].get(12..16) {
            let number = [number[0], number[1], number[2], number[3]];
            arrived.push((u32::from_be_bytes(number), now));
        }
    }
    arrived
}

/// Beyond the usual limit where that is allowed.
fn set_receive_buffer(socket: &UdpSocket) {
    let size = RECEIVE_BUFFER;
    for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
        // SAFETY: reads one number during the call.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const size).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
}

impl Outcome {
    /// How long each packet took that arrived, the first copy of it, in milliseconds, sorted.
    pub fn delays(&self) -> Vec<f64> {
        self.delays_within(Duration::ZERO..Duration::MAX)
    }

    /// The same of what was sent within a time after the first packet.
    pub fn delays_within(&self, time: Range<Duration>) -> Vec<f64> {
        let mut seen = vec![false; self.sent.len()];
        let mut delays = Vec::new();
        for (number, at) in &self.arrived {
            let sent = self.sent[*number as usize];
            let is_first = !std::mem::replace(&mut seen[*number as usize], true);
            if is_first && time.contains(&(sent - self.sent[0])) {
                delays.push((*at - sent).as_secs_f64() * 1_000.0);
            }
        }
        delays.sort_by(f64::total_cmp);
        delays
    }

    /// How often each packet arrived, by its number.
    pub fn copies(&self) -> Vec<usize> {
        let mut copies = vec![0; self.sent.len()];
        for (number, _) in &self.arrived {
            copies[*number as usize] += 1;
        }
        copies
    }

    /// Which packets arrived, by their number.
    pub fn got(&self) -> Vec<bool> {
        self.copies().iter().map(|copies| *copies > 0).collect()
    }

    /// How many did not arrive.
    pub fn lost(&self) -> usize {
        self.got().iter().filter(|got| !**got).count()
    }

    /// The mean number of packets that are lost one after another.
    pub fn mean_burst(&self) -> f64 {
        let got = self.got();
        let lost = got.iter().filter(|got| !**got).count();
        let bursts = got.windows(2).filter(|pair| pair[0] && !pair[1]).count();
        lost as f64 / bursts.max(1) as f64
    }

    /// How many arrived twice.
    pub fn twice(&self) -> usize {
        self.arrived.len() - self.got().iter().filter(|got| **got).count()
    }

    /// The share of what arrived that a later packet had overtaken (RFC 4737 section 3).
    pub fn reordered(&self) -> f64 {
        let mut next = 0;
        let late = self.arrived.iter().filter(|(number, _)| {
            let late = *number < next;
            next = next.max(number + 1);
            late
        });
        late.count() as f64 / self.arrived.len().max(1) as f64
    }

    /// Packets a second, from the first to the last that arrived.
    pub fn arrived_per_second(&self) -> f64 {
        match &self.arrived[..] {
            [(_, first), .., (_, last)] => {
                (self.arrived.len() - 1) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// Packets a second that arrived within a time after the first was sent.
    pub fn arrived_per_second_within(&self, time: Range<Duration>) -> f64 {
        let within = self
            .arrived
            .iter()
            .filter(|(_, at)| time.contains(&(*at - self.sent[0])));
        within.count() as f64 / (time.end - time.start).as_secs_f64()
    }

    /// Packets a second that arrived in each such part of the time, the least first; the last, which is
    /// not whole, is left out.
    pub fn arrived_per_second_by(&self, part: Duration) -> Vec<f64> {
        let mut parts = Vec::new();
        for (_, at) in &self.arrived {
            let index = (*at - self.sent[0]).div_duration_f64(part) as usize;
            parts.resize(parts.len().max(index + 1), 0.0);
            parts[index] += 1.0 / part.as_secs_f64();
        }
        parts.pop();
        parts.sort_by(f64::total_cmp);
        parts
    }

    /// Packets a second that arrived, from the first that left: also where the receiver had to wait
    /// for a processor.
    pub fn carried_per_second(&self) -> f64 {
        match (self.sent.first(), self.arrived.last()) {
            (Some(first), Some((_, last))) => {
                self.arrived.len() as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

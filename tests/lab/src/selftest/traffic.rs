//! Packets through an emulated line, and what became of each.

use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::emulator::{Emulator, LEFT, RIGHT};
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
        Ok(Outcome {
            sent,
            arrived,
            counted_lost: stream.map_or(0, |stream| stream.lost),
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
        let mut seen = vec![false; self.sent.len()];
        let mut delays: Vec<_> = self
            .arrived
            .iter()
            .filter(|(number, _)| !std::mem::replace(&mut seen[*number as usize], true))
            .map(|(number, at)| (*at - self.sent[*number as usize]).as_secs_f64() * 1_000.0)
            .collect();
        delays.sort_by(f64::total_cmp);
        delays
    }

    /// Which packets arrived, by their number.
    pub fn got(&self) -> Vec<bool> {
        let mut got = vec![false; self.sent.len()];
        for (number, _) in &self.arrived {
            got[*number as usize] = true;
        }
        got
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

//! A thin wrapper over the kernel's V4L2 interface (Linux media API, part I). The crate `v4l` lends
//! its constants and structures; its own stream panics when a driver refuses to stop, forgets how
//! long a picture is, and cannot go on after a wait that was in vain.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use v4l::v4l_sys as sys;
use v4l::v4l2::vidioc;

use crate::media::Resolution;

const CAPTURE: u32 = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MMAP: u32 = sys::v4l2_memory_V4L2_MEMORY_MMAP;
/// Nobody lists more than this; a driver that does not end its list is not believed.
const MAX_LISTED: u32 = 256;

/// An open node, such as `/dev/video0`.
pub(super) struct Node(File);

/// What a node says of itself.
pub(super) struct Identity {
    /// Name of the device, for people.
    pub(super) card: String,
    /// Where it is plugged in.
    pub(super) bus: String,
    /// It gives pictures, and in the way that we ask for them.
    pub(super) captures: bool,
}

/// Sizes that a format has.
pub(super) enum Sizes {
    One(Resolution),
    /// From, to, and the steps between.
    Range(Resolution, Resolution, Resolution),
}

/// A picture format as the driver settled on it.
pub(super) struct Settled {
    pub(super) fourcc: [u8; 4],
    pub(super) resolution: Resolution,
    pub(super) stride: u32,
    pub(super) full_range: bool,
}

impl Node {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map(Self)
    }

    /// # Safety
    ///
    /// `request` must be one that takes a pointer to a `T`.
    unsafe fn ioctl<T>(&self, request: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
        loop {
            // SAFETY: the caller has matched request and argument; both outlive the call.
            let result = unsafe {
                v4l::v4l2::ioctl(
                    self.0.as_raw_fd(),
                    request,
                    std::ptr::from_mut(argument).cast(),
                )
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    pub(super) fn identity(&self) -> io::Result<Identity> {
        // SAFETY: a structure of integers, for which zeros are a value.
        let mut capability: sys::v4l2_capability = unsafe { zeroed() };
        // SAFETY: VIDIOC_QUERYCAP takes a v4l2_capability.
        unsafe { self.ioctl(vidioc::VIDIOC_QUERYCAP, &mut capability)? };
        // A device has several nodes, and `capabilities` is what all of them can do together.
        let can = if capability.capabilities & sys::V4L2_CAP_DEVICE_CAPS != 0 {
            capability.device_caps
        } else {
            capability.capabilities
        };
        let wanted = sys::V4L2_CAP_VIDEO_CAPTURE | sys::V4L2_CAP_STREAMING;
        Ok(Identity {
            card: text(&capability.card),
            bus: text(&capability.bus_info),
            captures: can & wanted == wanted,
        })
    }

    /// The four-letter codes of all its formats.
    pub(super) fn formats(&self) -> Vec<[u8; 4]> {
        listed(|index| {
            // SAFETY: a structure of integers, for which zeros are a value.
            let mut format: sys::v4l2_fmtdesc = unsafe { zeroed() };
            (format.index, format.type_) = (index, CAPTURE);
            // SAFETY: VIDIOC_ENUM_FMT takes a v4l2_fmtdesc.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FMT, &mut format)? };
            Ok(format.pixelformat.to_le_bytes())
        })
    }

    pub(super) fn sizes(&self, fourcc: [u8; 4]) -> Vec<Sizes> {
        listed(|index| {
            // SAFETY: a structure of integers, for which zeros are a value.
            let mut size: sys::v4l2_frmsizeenum = unsafe { zeroed() };
            (size.index, size.pixel_format) = (index, u32::from_le_bytes(fourcc));
            // SAFETY: VIDIOC_ENUM_FRAMESIZES takes a v4l2_frmsizeenum.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FRAMESIZES, &mut size)? };
            if size.type_ == sys::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE {
                // SAFETY: the driver says that this member was written, and any integers are valid.
                let one = unsafe { size.__bindgen_anon_1.discrete };
                return Ok(Sizes::One(resolution(one.width, one.height)));
            }
            // SAFETY: as above; both other types write this member.
            let range = unsafe { size.__bindgen_anon_1.stepwise };
            Ok(Sizes::Range(
                resolution(range.min_width, range.min_height),
                resolution(range.max_width, range.max_height),
                resolution(range.step_width, range.step_height),
            ))
        })
    }

    /// The rates at which it gives pictures of this format and size, slowest and fastest for a
    /// range of them.
    pub(super) fn rates(&self, fourcc: [u8; 4], size: Resolution) -> Vec<(f64, f64)> {
        listed(|index| {
            // SAFETY: a structure of integers, for which zeros are a value.
            let mut interval: sys::v4l2_frmivalenum = unsafe { zeroed() };
            (interval.index, interval.pixel_format) = (index, u32::from_le_bytes(fourcc));
            (interval.width, interval.height) = (size.width, size.height);
            // SAFETY: VIDIOC_ENUM_FRAMEINTERVALS takes a v4l2_frmivalenum.
            unsafe { self.ioctl(vidioc::VIDIOC_ENUM_FRAMEINTERVALS, &mut interval)? };
            if interval.type_ == sys::v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE {
                // SAFETY: the driver says that this member was written, and any integers are valid.
                let fps = fps(unsafe { interval.__bindgen_anon_1.discrete });
                return Ok((fps, fps));
            }
            // SAFETY: as above; both other types write this member.
            let range = unsafe { interval.__bindgen_anon_1.stepwise };
            Ok((fps(range.max), fps(range.min)))
        })
    }

    /// Asks for a format and size; the driver settles on what it can.
    pub(super) fn set_format(&self, fourcc: [u8; 4], size: Resolution) -> io::Result<Settled> {
        // SAFETY: a structure of integers, for which zeros are a value.
        let mut format: sys::v4l2_format = unsafe { zeroed() };
        format.type_ = CAPTURE;
        // SAFETY: any integers are valid, and these were zeroed.
        let pix = unsafe { &mut format.fmt.pix };
        (pix.width, pix.height) = (size.width, size.height);
        pix.pixelformat = u32::from_le_bytes(fourcc);
        pix.field = sys::v4l2_field_V4L2_FIELD_NONE;
        // SAFETY: VIDIOC_S_FMT takes a v4l2_format.
        unsafe { self.ioctl(vidioc::VIDIOC_S_FMT, &mut format)? };
        // SAFETY: for this type the driver has written this member.
        let pix = unsafe { format.fmt.pix };
        Ok(Settled {
            fourcc: pix.pixelformat.to_le_bytes(),
            resolution: resolution(pix.width, pix.height),
            stride: pix.bytesperline,
            full_range: pix.quantization == sys::v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE,
        })
    }

    /// Asks for so many pictures a second, and returns what the driver makes of it.
    pub(super) fn set_rate(&self, rate: f64) -> io::Result<f64> {
        // SAFETY: a structure of integers, for which zeros are a value.
        let mut parameters: sys::v4l2_streamparm = unsafe { zeroed() };
        parameters.type_ = CAPTURE;
        parameters.parm.capture.timeperframe = sys::v4l2_fract {
            numerator: 1_000,
            denominator: (rate * 1_000.0).round() as u32,
        };
        // SAFETY: VIDIOC_S_PARM takes a v4l2_streamparm.
        unsafe { self.ioctl(vidioc::VIDIOC_S_PARM, &mut parameters)? };
        // SAFETY: for this type the driver has written this member.
        Ok(fps(unsafe { parameters.parm.capture.timeperframe }))
    }
}

fn resolution(width: u32, height: u32) -> Resolution {
    Resolution { width, height }
}

fn fps(interval: sys::v4l2_fract) -> f64 {
    f64::from(interval.denominator) / f64::from(interval.numerator.max(1))
}

fn text(bytes: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes);
    String::from_utf8_lossy(text).trim().to_owned()
}

/// Everything that a driver lists until it says that there is no more.
fn listed<T>(entry: impl Fn(u32) -> io::Result<T>) -> Vec<T> {
    (0..MAX_LISTED)
        .map_while(|index| entry(index).ok())
        .collect()
}

/// A piece of the driver's memory.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to whoever owns this, on any thread.
unsafe impl Send for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped with this length, and nobody borrows it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// A node that sends pictures. Dropping it stops them and frees the device.
pub(super) struct Stream {
    // Dropped in this order: closing the node is what stops the pictures.
    buffers: Vec<Mapping>,
    node: Node,
}

impl Stream {
    const BUFFERS: u32 = 4;

    /// Starts a node whose format was set.
    pub(super) fn start(node: Node) -> io::Result<Self> {
        // SAFETY: a structure of integers, for which zeros are a value.
        let mut request: sys::v4l2_requestbuffers = unsafe { zeroed() };
        (request.count, request.type_, request.memory) = (Self::BUFFERS, CAPTURE, MMAP);
        // SAFETY: VIDIOC_REQBUFS takes a v4l2_requestbuffers.
        unsafe { node.ioctl(vidioc::VIDIOC_REQBUFS, &mut request)? };
        let mut stream = Self {
            buffers: Vec::new(),
            node,
        };
        for index in 0..request.count {
            let mapping = stream.map(index)?;
            stream.buffers.push(mapping);
            stream.queue(index)?;
        }
        let mut kind = CAPTURE as std::ffi::c_int;
        // SAFETY: VIDIOC_STREAMON takes an int.
        unsafe { stream.node.ioctl(vidioc::VIDIOC_STREAMON, &mut kind)? };
        Ok(stream)
    }

    fn buffer(index: u32) -> sys::v4l2_buffer {
        // SAFETY: integers and null pointers, for which zeros are a value.
        let mut buffer: sys::v4l2_buffer = unsafe { zeroed() };
        (buffer.index, buffer.type_, buffer.memory) = (index, CAPTURE, MMAP);
        buffer
    }

    fn map(&self, index: u32) -> io::Result<Mapping> {
        let mut buffer = Self::buffer(index);
        // SAFETY: VIDIOC_QUERYBUF takes a v4l2_buffer.
        unsafe { self.node.ioctl(vidioc::VIDIOC_QUERYBUF, &mut buffer)? };
        let length = buffer.length as usize;
        // SAFETY: a new mapping at a place of the kernel's choice, of what the driver offers.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                self.node.0.as_raw_fd(),
                buffer.m.offset as libc::off_t,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { start, length })
    }

    fn queue(&self, index: u32) -> io::Result<()> {
        let mut buffer = Self::buffer(index);
        // SAFETY: VIDIOC_QBUF takes a v4l2_buffer.
        unsafe { self.node.ioctl(vidioc::VIDIOC_QBUF, &mut buffer) }
    }

    /// Waits for a picture for at most `patience`, and lets `take` have its bytes and its moment.
    /// `None` where none came or where it came broken.
    pub(super) fn next<T>(
        &mut self,
        patience: Duration,
        take: impl FnOnce(&[u8], Instant) -> T,
    ) -> io::Result<Option<T>> {
        let mut poll = libc::pollfd {
            fd: self.node.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, which outlives the call.
        match unsafe { libc::poll(&raw mut poll, 1, patience.as_millis() as libc::c_int) } {
            0 => return Ok(None),
            // A device that went away shows as an error here, and dequeueing says which.
            1.. => {}
            _ => {
                let error = io::Error::last_os_error();
                return match error.kind() {
                    io::ErrorKind::Interrupted => Ok(None),
                    _ => Err(error),
                };
            }
        }
        let mut buffer = Self::buffer(0);
        // SAFETY: VIDIOC_DQBUF takes a v4l2_buffer.
        match unsafe { self.node.ioctl(vidioc::VIDIOC_DQBUF, &mut buffer) } {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        }
        let mapping = self
            .buffers
            .get(buffer.index as usize)
            .ok_or(io::ErrorKind::InvalidData)?;
        let taken = (buffer.flags & sys::V4L2_BUF_FLAG_ERROR == 0).then(|| {
            let length = (buffer.bytesused as usize).min(mapping.length);
            // SAFETY: mapped for at least this long, and the driver does not write to it before it
            // is queued again, which is after `take`.
            let bytes = unsafe { std::slice::from_raw_parts(mapping.start.as_ptr(), length) };
            take(bytes, captured_at(&buffer))
        });
        self.queue(buffer.index)?;
        Ok(taken)
    }
}

/// When the driver says that the picture was taken.
fn captured_at(buffer: &sys::v4l2_buffer) -> Instant {
    let now = Instant::now();
    if buffer.flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK != sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC {
        return now;
    }
    let mut clock = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid clock and a place to write to. `Instant` is the same clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut clock) };
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let age = nanos(clock.tv_sec, clock.tv_nsec)
        - nanos(buffer.timestamp.tv_sec, buffer.timestamp.tv_usec * 1_000);
    u64::try_from(age)
        .ok()
        .map(Duration::from_nanos)
        .filter(|age| *age < Duration::from_secs(1))
        .and_then(|age| now.checked_sub(age))
        .unwrap_or(now)
}

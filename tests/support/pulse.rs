//! A real sound server of a test's own, with a virtual microphone and a virtual speaker.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::TempDir;

/// A private PulseAudio. What is played into the sink `mic` comes out of the microphone `micsrc`;
/// what is played to the speaker `speaker` can be recorded. Ends when dropped.
pub struct PulseServer {
    runtime: TempDir,
    goes_first: AtomicBool,
}

impl PulseServer {
    /// Starts it and returns when it answers.
    pub fn start() -> Self {
        let server = Self {
            runtime: TempDir::new(),
            goes_first: AtomicBool::new(false),
        };
        server.run();
        server
    }

    /// Starts the server again after [`Self::stop`], at the same place.
    pub fn run(&self) {
        // As a daemon, because its parent returns at the very moment when it is ready. Should a
        // test be killed, it ends by itself half a minute after the last program left it.
        let status = self
            .command("pulseaudio")
            .args([
                "-n",
                "--daemonize=yes",
                "--exit-idle-time=30",
                "--disable-shm=yes",
            ])
            .args(["--log-level=error", "--use-pid-file=yes"])
            .args(["-L", "module-native-protocol-unix auth-anonymous=1"])
            .args(["-L", "module-null-sink sink_name=mic"])
            .args(["-L", "module-null-sink sink_name=speaker"])
            .args(["-L", MICROPHONE])
            .status()
            .expect("pulseaudio is installed (./dev test installs it)");
        assert!(status.success(), "pulseaudio did not start: {status}");
        self.put_first();
        self.control(&["set-default-sink", "speaker"]);
        self.control(&["set-default-source", "micsrc"]);
    }

    /// Stands in for hardware, which is never late: as on a desktop, the server goes before all
    /// else, where the system lets a test do that.
    fn put_first(&self) {
        let pid = std::fs::read_to_string(self.runtime.path().join("pulse/pid"));
        let status = Command::new("chrt")
            .args(["--rr", "--pid", "4"])
            .arg(pid.expect("a server writes down its number").trim())
            .stderr(Stdio::null())
            .status();
        let granted = status.is_ok_and(|status| status.success());
        self.goes_first.store(granted, Ordering::Relaxed);
    }

    /// The system let the server go before all else. Where it does not, the virtual devices falter
    /// as soon as others have much to do, as no hardware would.
    pub fn goes_first(&self) -> bool {
        self.goes_first.load(Ordering::Relaxed)
    }

    /// Ends the server; its sockets stay behind.
    pub fn stop(&self) {
        // Fails where it has ended already.
        let _ = self
            .command("pulseaudio")
            .arg("--kill")
            .stderr(Stdio::null())
            .status();
    }

    /// What a program needs to find this server and nothing else.
    pub fn environment(&self) -> HashMap<String, String> {
        let runtime = self.runtime.path().display();
        HashMap::from([
            ("XDG_RUNTIME_DIR".to_owned(), runtime.to_string()),
            (
                "PULSE_SERVER".to_owned(),
                format!("unix:{runtime}/pulse/native"),
            ),
            ("HOME".to_owned(), runtime.to_string()),
        ])
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        if program == "pulseaudio" {
            // It would take this for another server's and only connect to it.
            command.env_remove("PULSE_SERVER");
        }
        command
    }

    /// Runs `pactl` and returns what it prints.
    pub fn control(&self, arguments: &[&str]) -> String {
        let output = self
            .command("pactl")
            .args(arguments)
            .output()
            .expect("pactl is installed (./dev test installs it)");
        assert!(output.status.success(), "pactl {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Pulls the microphone out.
    pub fn unplug_microphone(&self) {
        self.unload("source_name=micsrc");
    }

    /// Takes away the device that was loaded with this argument.
    pub fn unload(&self, argument: &str) {
        let modules = self.control(&["list", "short", "modules"]);
        let module = modules
            .lines()
            .find(|line| line.split(['\t', ' ']).any(|word| word == argument))
            .expect("it is loaded");
        let number = module.split('\t').next().expect("a number");
        self.control(&["unload-module", number]);
    }

    /// Plugs the microphone in again.
    pub fn plug_microphone_in(&self) {
        let arguments: Vec<&str> = MICROPHONE.split(' ').collect();
        self.control(&[&["load-module"], &arguments[..]].concat());
    }

    /// Plays a recording into the virtual microphone. The player hands the server a second ahead: what a
    /// person says does not falter when the machine is busy.
    pub fn play_into_microphone(&self, recording: &Path) -> Playing {
        let child = self
            .command("paplay")
            .args(["--device=mic", "--latency-msec=1000"])
            .arg(recording)
            .spawn()
            .expect("paplay is installed (./dev test installs it)");
        Playing(child)
    }

    /// Listens to the virtual speaker from now on: mono, 48 kHz.
    pub fn listen_to_speaker(&self) -> Listening {
        self.listen_to("speaker.monitor")
    }

    /// Listens to any source from now on: mono, 48 kHz. The server hands over a fifth of a second at once:
    /// whoever is woken for each piece takes from the call the time that it needs.
    pub fn listen_to(&self, source: &str) -> Listening {
        let mut child = self
            .command("parec")
            .arg(format!("--device={source}"))
            .args(["--format=s16le", "--rate=48000"])
            .args(["--channels=1", "--latency-msec=200", "--raw"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("parec is installed (./dev test installs it)");
        // The first sound is there when the recording has begun.
        let mut first = [0; 2];
        let sound = child.stdout.as_mut().expect("piped");
        sound
            .read_exact(&mut first)
            .expect("the server lets us listen");
        Listening(child)
    }
}

const MICROPHONE: &str = "module-remap-source source_name=micsrc master=mic.monitor source_properties=device.description=Test-Microphone";

impl Drop for PulseServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A recording that is being played; stopped when dropped.
pub struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a speaker plays; stopped when dropped.
pub struct Listening(Child);

impl Listening {
    /// So many seconds of what was played since the last call.
    pub fn hear(&mut self, seconds: f64) -> Vec<f32> {
        let mut bytes = vec![0; (seconds * 48_000.0) as usize * 2];
        let sound = self.0.stdout.as_mut().expect("piped");
        sound.read_exact(&mut bytes).expect("the server goes on");
        bytes
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
            .collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

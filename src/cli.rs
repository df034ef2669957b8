//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use twocan_protocol::ServerUrl;

use crate::capture::{CameraSpec, MicrophoneSpec};
use crate::engine::Handicap;
use crate::peer::IceServer;
use crate::playout::{DisplaySpec, SpeakerSpec};
use crate::trust::{Invitation, PublicIdentity};

/// Two can talk, nobody in between: direct voice and video calls.
#[derive(Debug, Parser)]
#[command(
    name = "twocan",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; without it, open the window.
    #[command(subcommand)]
    pub command: Option<Action>,
    /// For the window: in place of the devices of its settings.
    #[command(flatten)]
    pub devices: DeviceArgs,
}

impl Cli {
    /// What clap cannot check by itself: a demo and a call with a contact never have a window, and so
    /// take options that others take only without one; and an invite names its server, so that another
    /// one is of use only to a window, for calls that are started in it later. One in a file is not known
    /// here yet.
    ///
    /// # Errors
    /// When an option would have no effect.
    pub fn check(&self) -> Result<(), clap::Error> {
        if let Some(Action::Join { invite, call }) = &self.command
            && call.headless
            && call.server.is_some()
            && matches!(invite.parse(), Ok(Invitation::Link(_)))
        {
            return Err(clap::Error::raw(
                ErrorKind::ArgumentConflict,
                "--server does not go with this invite: it says which server it is",
            ));
        }
        if let Some(Action::Listen { how, call }) = &self.command
            && call.report.is_some()
            && !how.once
        {
            return Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                "--report goes only with --once: it is of one call",
            ));
        }
        let (Some(Action::Host { call, .. }) | Some(Action::Join { call, .. })) = &self.command
        else {
            return Ok(());
        };
        if let Some(Action::Host { how, call }) = &self.command
            && how.code
            && call.headless
            && call.server.is_none()
        {
            return Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                "--code goes only with --server: your friend types the code at the same call server",
            ));
        }
        if let Some(Action::Host { how, call }) = &self.command
            && !call.headless
            && (how.code || how.link)
        {
            return Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                "--code and --link go only with --headless; a window shows both",
            ));
        }
        let room = match &self.command {
            Some(Action::Host { how, .. }) => how.room.is_some(),
            _ => false,
        };
        let windowless = [
            ("--room", room),
            ("--display", call.display.is_some()),
            ("--duration", call.duration.is_some()),
            ("--patience", call.patience.is_some()),
            ("--report", call.report.is_some()),
            ("--handicap", !call.handicap.is_empty()),
        ];
        match windowless.iter().find(|(_, given)| *given) {
            Some((option, _)) if !call.headless => Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                format!("{option} goes only with --headless, for a call without a window"),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Start a call: print an invite and wait for a friend
    Host {
        /// How your friend finds you.
        #[command(flatten)]
        how: HostArgs,
        /// How to have the call.
        #[command(flatten)]
        call: CallArgs,
    },
    /// Join the call of a link or a code
    Join {
        /// The link that your friend sent, or a file with a picture of its code, or the code that they said,
        /// such as 7-guitar-lamp
        invite: String,
        /// How to have the call.
        #[command(flatten)]
        call: CallArgs,
    },
    /// Call a contact, without a window
    Call {
        /// By name or identity
        #[arg(allow_hyphen_values = true)]
        contact: String,
        /// How to have the call.
        #[command(flatten)]
        call: CallArgs,
    },
    /// Wait for contacts who call and answer them, without a window
    Listen {
        /// Whom to answer.
        #[command(flatten)]
        how: ListenArgs,
        /// How to have each call.
        #[command(flatten)]
        call: CallArgs,
    },
    /// A call with itself: an embedded server and two peers in one process
    Demo(CallArgs),
    /// Whom you know
    Contacts {
        /// What to do with them.
        #[command(subcommand)]
        what: ContactsAction,
    },
    /// Who you are to your contacts
    Identity {
        /// What to do with it.
        #[command(subcommand)]
        what: IdentityAction,
    },
    /// Standing rooms: whoever has the link meets there, again and again
    Rooms {
        /// What to do with them.
        #[command(subcommand)]
        what: RoomsAction,
    },
    /// List microphones, speakers and cameras
    Devices {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What to do with contacts.
#[derive(Debug, Subcommand)]
pub enum ContactsAction {
    /// List them, and those who are blocked
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Save somebody, or what is new about them
    Add {
        /// What to call them
        name: String,
        /// What `twocan identity show` prints on their computer
        #[arg(value_parser = identity, allow_hyphen_values = true)]
        identity: PublicIdentity,
        /// Where they are met, if it is not where everybody else is
        #[arg(long, value_name = "URL")]
        server: Option<ServerUrl>,
    },
    /// Call somebody something else
    Rename {
        /// By name or identity
        #[arg(allow_hyphen_values = true)]
        old: String,
        /// What to call them
        new: String,
    },
    /// Forget somebody
    Remove {
        /// By name or identity
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
    /// Hear nothing of somebody any more
    Block {
        /// By name or identity
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
    /// Hear of somebody again; they are no contact thereby
    Unblock {
        /// By name or identity
        #[arg(allow_hyphen_values = true)]
        who: String,
    },
}

/// What to do with who this person is.
#[derive(Debug, Subcommand)]
pub enum IdentityAction {
    /// Print what friends save you by
    Show,
    /// Take a picture that friends see when you call or answer them, and nobody before
    Picture {
        /// A PNG or JPEG file; the square in its middle is taken
        #[arg(required_unless_present = "remove", conflicts_with = "remove")]
        file: Option<PathBuf>,
        /// Have none any more
        #[arg(long)]
        remove: bool,
    },
    /// Write who you are and whom you know to a file, behind a passphrase
    Export {
        /// Where to
        file: PathBuf,
        /// Also over a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Read what was exported on another computer
    Import {
        /// Where from
        file: PathBuf,
        /// Be who you are in the file, and not any more who you are here
        #[arg(long)]
        replace_identity: bool,
    },
}

/// What to do with standing rooms.
#[derive(Debug, Subcommand)]
pub enum RoomsAction {
    /// List them with their links
    List,
    /// Make one, and print its link
    Make {
        /// What to call it
        name: String,
        /// The call server where it is, if it is not that of the settings
        #[arg(long, value_name = "URL")]
        server: Option<ServerUrl>,
        /// How long you come there, such as 8h or 7d; until you revoke it if nothing is said
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        lasts: Option<Duration>,
    },
    /// Keep the one to which a friend gave you the link
    Keep {
        /// The link
        link: String,
        /// What to call it
        #[arg(long)]
        name: String,
    },
    /// Forget one: whoever has its link meets you there no more
    Revoke {
        /// As you have called it
        name: String,
    },
}

/// Whom to answer.
#[derive(Debug, Clone, Copy, Args)]
pub struct ListenArgs {
    /// Who is answered
    #[arg(long, value_enum, value_name = "WHOM", default_value_t = Accept::Contacts)]
    pub accept: Accept,
    /// End after one call
    #[arg(long)]
    pub once: bool,
}

/// Who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accept {
    /// Whoever was saved, and is not blocked
    Contacts,
}

/// How a friend finds who starts a call without a window.
#[derive(Debug, Clone, Default, Args)]
pub struct HostArgs {
    /// By a code to be said, such as 7-guitar-lamp
    #[arg(long)]
    pub code: bool,
    /// By a link; so it is if nothing is said
    #[arg(long)]
    pub link: bool,
    /// In this standing room, whose link is the same each time
    #[arg(long, value_name = "NAME", conflicts_with = "code")]
    pub room: Option<String>,
}

/// What is heard and seen, and where it is heard.
#[derive(Debug, Clone, Default, Args)]
pub struct DeviceArgs {
    /// default | device:NAME | tone:440 | wav:FILE | silence | none
    #[arg(long, value_name = "SPEC")]
    pub microphone: Option<MicrophoneSpec>,
    /// default | device:NAME | wav:FILE | null
    #[arg(long, value_name = "SPEC")]
    pub speaker: Option<SpeakerSpec>,
    /// `default | device:NAME | pattern[:WxH@FPS] | y4m:FILE | none`
    #[arg(long, value_name = "SPEC")]
    pub camera: Option<CameraSpec>,
}

/// How to have a call.
#[derive(Debug, Clone, Args)]
pub struct CallArgs {
    /// Without a window
    #[arg(long)]
    pub headless: bool,
    /// The call server, such as wss://call.example.org; without it, `host` runs one inside
    #[arg(long, value_name = "URL")]
    pub server: Option<ServerUrl>,
    /// How your friend sees you
    #[arg(long, default_value = "")]
    pub name: String,
    /// What is heard and seen.
    #[command(flatten)]
    pub devices: DeviceArgs,
    /// y4m:FILE | y4m:WxH:FILE | png:DIR | null
    #[arg(long, value_name = "SPEC")]
    pub display: Option<DisplaySpec>,
    /// Hang up after talking so long, such as 30s, 5m or 1500ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Give up when nobody has come by then
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub patience: Option<Duration>,
    /// Write what was measured to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// A STUN server, such as stun:stun.example.org:3478; may be repeated
    #[arg(long, value_name = "URL", value_parser = stun)]
    pub stun: Vec<IceServer>,
    /// A TURN server, such as turn:NAME:PASSWORD@turn.example.org:3478; may be repeated
    #[arg(long, value_name = "URL", value_parser = turn)]
    pub turn: Vec<IceServer>,
    /// Send everything through the TURN server
    #[arg(long)]
    pub relay_only: bool,
    /// Remove echo and noise and even out the volume; on if not said, in a demo off
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    pub processing: Option<bool>,
    /// Never send more than this, in kilobits a second
    #[arg(long, value_name = "KBPS", default_value_t = 2_500, value_parser = clap::value_parser!(u64).range(64..=50_000))]
    pub max_bitrate: u64,
    /// Makes this side worse on purpose, to prove that measuring shows it; may be repeated
    #[arg(long, value_name = "NAME", hide = true)]
    pub handicap: Vec<Handicap>,
}

fn identity(text: &str) -> Result<PublicIdentity, String> {
    PublicIdentity::try_from(text.trim().to_owned())
        .map_err(|_| "it is not whole; copy all that `twocan identity show` prints".to_owned())
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("say on or off".into()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err("say a time such as 30s, 5m or 1500ms".into()),
    };
    let seconds = number
        .parse::<f64>()
        .map_err(|_| "say a time such as 30s, 5m or 1500ms")?;
    Duration::try_from_secs_f64(seconds * scale)
        .ok()
        .filter(|duration| !duration.is_zero() && *duration <= Duration::from_secs(7 * 86_400))
        .ok_or_else(|| "a time is more than nothing and at most a week".into())
}

fn stun(text: &str) -> Result<IceServer, String> {
    if !text.starts_with("stun:") {
        return Err("a STUN server is written stun:HOST:PORT".into());
    }
    Ok(IceServer {
        url: text.into(),
        username: String::new(),
        credential: String::new(),
    })
}

fn turn(text: &str) -> Result<IceServer, String> {
    let expected = "a TURN server is written turn:NAME:PASSWORD@HOST:PORT";
    let rest = text.strip_prefix("turn:").ok_or(expected)?;
    let (account, host) = rest.rsplit_once('@').ok_or(expected)?;
    let (username, credential) = account.split_once(':').ok_or(expected)?;
    Ok(IceServer {
        url: format!("turn:{host}"),
        username: username.into(),
        credential: credential.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Identity, Invite};
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_of_the_readme_are_understood() {
        Cli::command().debug_assert();
        let host = Cli::try_parse_from([
            "twocan",
            "host",
            "--headless",
            "--microphone",
            "tone:440",
            "--speaker",
            "wav:out.wav",
            "--camera",
            "pattern:640x360@30",
            "--display",
            "png:shots",
            "--duration",
            "30s",
            "--report",
            "r.json",
            "--turn",
            "turn:me:se:cret@turn.example.org:3478",
        ])
        .expect("it is understood");
        let Some(Action::Host { call, .. }) = host.command else {
            panic!("host")
        };
        assert_eq!(call.duration, Some(Duration::from_secs(30)));
        assert_eq!(call.turn[0].credential, "se:cret");
        assert_eq!(call.turn[0].url, "turn:turn.example.org:3478");
        assert_eq!(call.processing, None);
        let window = Cli::try_parse_from(["twocan", "--camera", "pattern"]).expect("understood");
        assert!(window.command.is_none());
        assert_eq!(
            window.devices.camera,
            Some(CameraSpec::Pattern(Default::default()))
        );
    }

    #[test]
    fn what_a_window_would_not_do_is_refused() {
        for (option, value) in [
            ("--display", "null"),
            ("--duration", "30s"),
            ("--patience", "30s"),
            ("--report", "r.json"),
            ("--handicap", "late-sound"),
        ] {
            let parsed = |before: &[&str]| {
                let words = [&["twocan"], before, &[option, value]].concat();
                Cli::try_parse_from(words).expect(option)
            };
            for before in [&["host"][..], &["join", "twocan:join"]] {
                let error = parsed(before).check().expect_err(option);
                assert!(error.to_string().contains(option), "{error}");
            }
            assert!(parsed(&["host", "--headless"]).check().is_ok());
            assert!(parsed(&["demo"]).check().is_ok());
        }
        let window = Cli::try_parse_from(["twocan", "join", "x", "--relay-only", "--name", "Jo"]);
        assert!(window.expect("understood").check().is_ok());
    }

    #[test]
    fn a_server_beside_the_one_of_the_invite_is_refused() {
        let parsed = |before: &[&str]| {
            let words = [&["twocan"], before, &["--server", "wss://call.example.org"]].concat();
            Cli::try_parse_from(words).expect("understood")
        };
        let servers = vec!["wss://other.example.org".parse().expect("a server")];
        let invite = Invite::new(servers, &mut rand::rng())
            .expect("an invite")
            .to_string();
        let join = parsed(&["join", &invite, "--headless"]);
        let error = join.check().expect_err("the invite names one");
        assert!(error.to_string().contains("--server"), "{error}");
        assert!(parsed(&["host", "--headless"]).check().is_ok());
        // It is for calls that are started in the window later.
        assert!(parsed(&["join", &invite]).check().is_ok());
        // A code names none.
        assert!(
            parsed(&["join", "7-guitar-lamp", "--headless"])
                .check()
                .is_ok()
        );
    }

    /// One in 64 identities looks like an option.
    #[test]
    fn an_identity_is_understood_whatever_it_begins_with() {
        let known = String::from(Identity::new(&mut rand::rng()).public());
        for begins in ["A", "-", "--", "-h", "-V", "--server"] {
            let text = format!("{begins}{}", &known[begins.len()..]);
            let server = ["--server", "wss://call.example.org"];
            let words = [&["twocan", "contacts", "add", "Maya", &*text][..], &server].concat();
            let add = Cli::try_parse_from(words).expect("understood");
            let Some(Action::Contacts {
                what: ContactsAction::Add { identity, .. },
            }) = add.command
            else {
                panic!("contacts add")
            };
            assert_eq!(String::from(identity), text);
            for verb in ["remove", "block", "unblock"] {
                let words = ["twocan", "contacts", verb, &*text];
                assert!(Cli::try_parse_from(words).is_ok(), "{verb} {text}");
            }
            let words = ["twocan", "call", &*text, "--duration", "1s"];
            let Some(Action::Call { contact, call }) =
                Cli::try_parse_from(words).expect("understood").command
            else {
                panic!("call")
            };
            assert_eq!(contact, text);
            assert!(call.duration.is_some());
        }
    }

    #[test]
    fn a_call_with_a_contact_has_no_window() {
        for before in [&["call", "Maya"][..], &["listen", "--once"]] {
            for headless in [&[] as &[&str], &["--headless"]] {
                let options = ["--duration", "30s", "--report", "r.json"];
                let words = [&["twocan"], before, headless, &options].concat();
                let parsed = Cli::try_parse_from(words).expect("understood");
                assert!(parsed.check().is_ok(), "{before:?}");
            }
        }
        let refused = |words: &[&str]| {
            let words = [&["twocan"], words].concat();
            let error = Cli::try_parse_from(words).and_then(|parsed| parsed.check());
            error.expect_err("refused").to_string()
        };
        assert!(refused(&["listen", "--report", "r.json"]).contains("--once"));
        assert!(refused(&["listen", "--accept", "anybody"]).contains("contacts"));
        assert!(refused(&["host", "--room", "family"]).contains("--headless"));
        assert!(refused(&["host", "--headless", "--room", "family", "--code"]).contains("--code"));
        assert!(refused(&["contacts", "add", "Maya", "AAAA"]).contains("identity show"));
    }

    #[test]
    fn a_room_lasts_for_as_long_as_is_said() {
        let make = |rest: &[&str]| {
            let words = [&["twocan", "rooms", "make", "Family"], rest].concat();
            match Cli::try_parse_from(words).map(|parsed| parsed.command) {
                Ok(Some(Action::Rooms {
                    what: RoomsAction::Make { lasts, .. },
                })) => Ok(lasts),
                Ok(_) => panic!("rooms make"),
                Err(error) => Err(error.to_string()),
            }
        };
        assert_eq!(make(&[]), Ok(None));
        let week = Duration::from_secs(7 * 86_400);
        assert_eq!(make(&["--for", "7d"]), Ok(Some(week)));
        let refused = make(&["--for", "8d"]).expect_err("too long");
        assert!(refused.contains("at most a week"), "{refused}");
    }

    #[test]
    fn a_picture_is_taken_or_removed() {
        let parsed = |words: &[&str]| {
            let words = [&["twocan", "identity", "picture"], words].concat();
            Cli::try_parse_from(words).map(|cli| cli.command)
        };
        assert!(matches!(
            parsed(&["me.png"]),
            Ok(Some(Action::Identity {
                what: IdentityAction::Picture {
                    file: Some(_),
                    remove: false,
                },
            }))
        ));
        assert!(matches!(
            parsed(&["--remove"]),
            Ok(Some(Action::Identity {
                what: IdentityAction::Picture {
                    file: None,
                    remove: true,
                },
            }))
        ));
        for words in [&[] as &[&str], &["me.png", "--remove"]] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn nonsense_gets_a_sentence() {
        for (option, value, words) in [
            ("--duration", "soon", "30s"),
            ("--duration", "0s", "more than nothing"),
            ("--microphone", "tone:x", "Hz"),
            ("--camera", "y5m:file", "pattern"),
            ("--stun", "stun.example.org", "stun:HOST:PORT"),
            ("--turn", "turn:host", "turn:NAME:PASSWORD@HOST:PORT"),
            ("--processing", "maybe", "on or off"),
            ("--handicap", "deaf", "late-sound"),
        ] {
            let error = Cli::try_parse_from(["twocan", "host", option, value]).expect_err(option);
            assert!(
                error.to_string().contains(words),
                "{option} {value}: {error}"
            );
        }
    }
}

//! Contacts as the command line has them: real processes with folders of their own, and a real server
//! between them. And contacts that are being written when the process is killed.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use twocan::contacts::{Book, Contact};
use twocan::engine::{CallEndReason, CallRole};
use twocan::trust::{Identity, PublicIdentity};
use twocan_protocol::ServerMessage;

use crate::support::place::{Place, Wire};
use crate::support::program::Program;
use crate::support::{TempDir, child, wait_until};

const OFFLINE: &str = "twocan: Your friend isn't there now.";
const PASSPHRASE: &str = "correct horse\n";

/// What a program said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Somebody with a computer of their own.
struct Person {
    home: TempDir,
}

impl Person {
    fn new() -> Self {
        Self {
            home: TempDir::new(),
        }
    }

    /// Where the program keeps what it keeps.
    fn folder(&self) -> PathBuf {
        self.home.path().join("config/twocan")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let home = self.home.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
        command
            .current_dir(home)
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_RUNTIME_DIR", home)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("PULSE_SERVER")
            .env_remove("TWOCAN_LOG")
            // So that no keyring of whoever runs the tests is asked.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
            .args(arguments);
        command
    }

    /// Runs the program to its end; what is `typed` comes on stdin.
    fn run(&self, arguments: &[&str], typed: &str) -> Said {
        let mut process = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // Who reads nothing may be gone already.
        let _ = process
            .stdin
            .take()
            .expect("piped")
            .write_all(typed.as_bytes());
        let output = process.wait_with_output().expect("our child");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let said = Said {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    /// It ends well, and says this.
    #[track_caller]
    fn does(&self, arguments: &[&str]) -> String {
        self.does_with(arguments, "").out
    }

    #[track_caller]
    fn does_with(&self, arguments: &[&str], typed: &str) -> Said {
        let said = self.run(arguments, typed);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
        said
    }

    /// It ends with `code`, and says this one sentence and nothing else.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], typed: &str, code: i32, sentence: &str) {
        let said = self.run(arguments, typed);
        assert_eq!(said.err, format!("twocan: {sentence}\n"), "{arguments:?}");
        assert_eq!(said.code, Some(code), "{arguments:?}");
        assert_eq!(said.out, "", "{arguments:?}");
    }

    fn identity(&self) -> String {
        self.does(&["identity", "show"]).trim_end().to_owned()
    }

    fn saves(&self, name: &str, other: &Person) {
        self.does(&["contacts", "add", name, &*other.identity()]);
    }

    fn list(&self) -> Value {
        let list = self.does(&["contacts", "list", "--json"]);
        serde_json::from_str(&list).expect("JSON")
    }

    /// Something with a call in it: a tone is heard, by nobody.
    fn at(&self, server: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command
            .args(["--server", server, "--microphone", "tone:440"])
            .args(["--speaker", "null", "--camera", "none"]);
        command
    }

    fn starts(&self, name: &'static str, place: &Place, arguments: &[&str]) -> Program {
        Program::start(name, self.at(&place.url, arguments))
    }

    fn report(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.file(name)).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// Anna and Ben, who have saved each other.
fn friends() -> (Person, Person) {
    let (anna, ben) = (Person::new(), Person::new());
    anna.saves("Ben", &ben);
    ben.saves("Anna", &anna);
    (anna, ben)
}

#[track_caller]
fn has_line(said: &[String], line: &str) {
    assert!(said.iter().any(|said| said == line), "{line}: {said:#?}");
}

#[test]
fn a_contact_calls_and_who_listens_answers() {
    let place = Place::open();
    let (anna, ben) = friends();
    let listen = ["listen", "--once", "--report", "r.json"];
    let mut listening = ben.starts("ben", &place, &listen);
    listening.wait_for("listening");
    let call = ["call", "ben", "--duration", "1s", "--report", "r.json"];
    let said = anna.starts("anna", &place, &call).finish();
    has_line(&said, "connected");
    let said = listening.finish();
    has_line(&said, "Anna calls");
    has_line(&said, "connected");
    let told = |line: &String| line.starts_with("finished        Anna, ");
    assert!(said.iter().any(told), "{said:#?}");
    for (person, role, ended) in [
        (&anna, "host", "duration_reached"),
        (&ben, "guest", "remote_hangup"),
    ] {
        let report = person.report("r.json");
        assert!(report["moments"]["connected"].is_f64(), "{report}");
        assert_eq!(report["role"], role);
        assert_eq!(report["ended"], ended);
    }
    let recent = |person: &Person| {
        let book = Book::open(&person.folder()).expect("contacts");
        book.recents().expect("recents").remove(0)
    };
    for (person, friend, role) in [
        (&anna, &ben, CallRole::Host),
        (&ben, &anna, CallRole::Guest),
    ] {
        let recent = recent(person);
        assert_eq!(recent.identity.map(String::from), Some(friend.identity()));
        let server = recent.server.map(|server| server.to_string());
        assert_eq!(server.as_ref(), Some(&place.url));
        assert_eq!(recent.role, role);
        assert!(recent.talked.is_some());
    }
}

#[test]
fn a_contact_who_is_not_there_is_offline() {
    let place = Place::open();
    let (anna, ben) = friends();
    let call = ["call", "Ben", "--patience", "2s"];
    let (said, code) = anna.starts("anna", &place, &call).ended();
    assert_eq!(said, [OFFLINE]);
    assert_eq!(code, Some(28));
    let book = Book::open(&anna.folder()).expect("contacts");
    let recent = book.recents().expect("recents").remove(0);
    assert_eq!(recent.ended, CallEndReason::Offline);
    assert_eq!(recent.identity.map(String::from), Some(ben.identity()));
}

#[test]
fn a_server_that_is_not_there_is_not_the_contacts_fault() {
    let (anna, _) = friends();
    let call = [
        "call",
        "Ben",
        "--patience",
        "1s",
        "--server",
        "ws://127.0.0.1:1",
    ];
    let nothing = "cannot reach the call server 127.0.0.1:1: nothing listens there";
    anna.refuses(&call, "", 14, nothing);
}

#[test]
fn two_who_call_each_other_have_one_call() {
    let place = Place::open();
    let (anna, ben) = friends();
    // Whose room comes first by its name is another each time.
    for _ in 0..3 {
        let call = |person: &Person, name, who| {
            let patience = ["--patience", "60s", "--duration", "1s"];
            let call = [&["call", who][..], &patience, &["--report", "r.json"]].concat();
            let mut command = person.at(&place.url, &call);
            command.env("TWOCAN_LOG", "twocan=info");
            Program::start(name, command)
        };
        let both = [call(&anna, "anna", "Ben"), call(&ben, "ben", "Anna")];
        let said = both.map(Program::finish);
        let times = |is_it: fn(&String) -> bool| {
            let times = |said: &Vec<String>| said.iter().filter(|line| is_it(line)).count();
            said.each_ref().map(times)
        };
        assert_eq!(times(|line| line == "connected"), [1, 1], "{said:#?}");
        // Each had begun to call the other, and one gave that up for the call of the other.
        let given_up = times(|line| line.contains("AnsweredElsewhere"));
        assert!([[0, 1], [1, 0]].contains(&given_up), "{said:#?}");
        let roles = [&anna, &ben].map(|person| person.report("r.json")["role"].clone());
        assert!(roles.contains(&"host".into()), "{roles:?}");
        assert!(roles.contains(&"guest".into()), "{roles:?}");
    }
}

#[test]
fn a_clock_that_is_days_off_is_told_of_and_keeps_nobody_apart() {
    let place = Place::open();
    // For all who come this way it is the day after tomorrow at the server.
    let wire = Wire::with(&place.url, |text| match ServerMessage::decode(text) {
        Ok(ServerMessage::Welcome { version, you, time }) => {
            let time = time + 2 * 86_400;
            let welcome = ServerMessage::Welcome { version, you, time };
            welcome.encode().expect("short")
        }
        _ => text.to_owned(),
    });
    let (anna, ben) = friends();
    let server = wire.url();
    let mut listening = Program::start("ben", ben.at(&server, &["listen", "--once"]));
    listening.wait_for("listening");
    let call = ["call", "Ben", "--duration", "1s"];
    let calling = Program::start("anna", anna.at(&server, &call));
    let server = server.trim_start_matches("ws://");
    let apart = format!("The clock of this computer and that of {server} are days apart. ");
    for said in [calling.finish(), listening.finish()] {
        has_line(&said, "connected");
        let times = said.iter().filter(|line| line.starts_with(&apart)).count();
        assert_eq!(times, 1, "{said:#?}");
    }
}

#[test]
fn who_talks_already_is_busy_and_listens_again_later() {
    let place = Place::open();
    let (anna, ben) = friends();
    let carl = Person::new();
    carl.saves("Ben", &ben);
    ben.saves("Carl", &carl);
    let mut listening = ben.starts("ben", &place, &["listen"]);
    listening.wait_for("listening");
    let mut talking = anna.starts("anna", &place, &["call", "Ben"]);
    talking.wait_for("connected");
    listening.wait_for("connected");
    let (said, code) = carl.starts("carl", &place, &["call", "Ben"]).ended();
    assert_eq!(code, Some(12), "{said:#?}");
    has_line(
        &said,
        "twocan: Your friend is in another call. Try again later.",
    );
    talking.interrupt();
    talking.finish();
    listening.wait_for("listening");
    listening.interrupt();
    let said = listening.finish();
    assert!(!said.iter().any(|line| line == "Carl calls"), "{said:#?}");
}

#[test]
fn who_is_blocked_gets_no_answer() {
    let place = Place::open();
    let (_anna, ben) = friends();
    let carl = Person::new();
    carl.saves("Ben", &ben);
    ben.saves("Carl", &carl);
    ben.does(&["contacts", "block", "carl"]);
    let mut listening = ben.starts("ben", &place, &["listen"]);
    listening.wait_for("listening");
    let call = ["call", "Ben", "--patience", "2s"];
    let (said, code) = carl.starts("carl", &place, &call).ended();
    assert_eq!((said, code), (vec![OFFLINE.to_owned()], Some(28)));
    listening.interrupt();
    assert_eq!(listening.finish(), ["listening"]);
    // And is heard again, once saved.
    ben.does(&["contacts", "unblock", "CARL"]);
    assert_eq!(ben.list()["blocked"], Value::Array(Vec::new()));
}

#[test]
fn a_file_carries_everything_to_another_computer() {
    let (anna, ben) = friends();
    let carl = Person::new();
    anna.does(&["contacts", "block", &*carl.identity()]);
    anna.does_with(&["identity", "export", "anna.twocan"], PASSPHRASE);
    let sealed = fs::read(anna.file("anna.twocan")).expect("a file");

    anna.refuses(
        &["identity", "export", "anna.twocan"],
        PASSPHRASE,
        3,
        "anna.twocan is there already; with --force it is written over",
    );
    assert_eq!(fs::read(anna.file("anna.twocan")).expect("a file"), sealed);
    anna.does_with(
        &["identity", "export", "--force", "anna.twocan"],
        PASSPHRASE,
    );
    assert_ne!(fs::read(anna.file("anna.twocan")).expect("a file"), sealed);
    anna.refuses(
        &["identity", "export", "other.twocan"],
        "\n",
        3,
        "the passphrase is empty; whoever finds the file could be you",
    );
    assert!(!anna.file("other.twocan").exists());

    let laptop = Person::new();
    fs::write(laptop.file("anna.twocan"), &sealed).expect("room for a file");
    let import = ["identity", "import", "anna.twocan"];
    laptop.refuses(
        &import,
        "correct hose\n",
        3,
        "the passphrase is wrong, or the file was changed",
    );
    assert!(!laptop.folder().join("identity.key").exists());
    let nobody = serde_json::json!({ "contacts": [], "blocked": [] });
    assert_eq!(laptop.list(), nobody);
    let text = String::from_utf8(sealed.clone()).expect("text");
    for (damage, sentence) in [
        (
            text.replace("\"version\": 1", "\"version\": 2"),
            "this file was made by a newer Twocan; update this one to import it",
        ),
        (
            text.replace("\"salt\"", "\"pepper\""),
            "the file is damaged",
        ),
        (
            "Dear diary".to_owned(),
            "this is no file of Twocan's contacts",
        ),
    ] {
        fs::write(laptop.file("bad.twocan"), damage).expect("room for a file");
        let import = ["identity", "import", "bad.twocan"];
        laptop.refuses(&import, PASSPHRASE, 3, sentence);
    }
    laptop.refuses(
        &["identity", "import", "none.twocan"],
        PASSPHRASE,
        3,
        "none.twocan cannot be read: there is no such file",
    );
    assert_eq!(laptop.list(), nobody);
    assert!(!laptop.folder().join("identity.key").exists());

    assert_eq!(laptop.does_with(&import, PASSPHRASE).err, "");
    assert_eq!(laptop.identity(), anna.identity());
    assert_eq!(laptop.list(), anna.list());
    assert_eq!(anna.list()["contacts"][0]["name"], "Ben");
    assert_eq!(anna.list()["blocked"][0]["identity"], carl.identity());

    // Who is somebody already stays that, unless they say otherwise.
    let before = ben.identity();
    fs::write(ben.file("anna.twocan"), &sealed).expect("room for a file");
    let said = ben.does_with(&import, PASSPHRASE);
    assert!(said.err.contains("--replace-identity"), "{}", said.err);
    assert_eq!(ben.identity(), before);
    let names = |person: &Person| -> Vec<String> {
        let list = person.list();
        let contacts = list["contacts"].as_array().expect("a list").iter();
        contacts
            .map(|contact| contact["name"].to_string())
            .collect()
    };
    // Ben is a contact of Anna, and no contact of his own.
    assert_eq!(names(&ben), ["\"Anna\""]);
    let import = ["identity", "import", "--replace-identity", "anna.twocan"];
    let said = ben.does_with(&import, PASSPHRASE);
    assert!(said.err.contains("take you for a stranger"), "{}", said.err);
    assert_eq!(ben.identity(), anna.identity());
    assert_eq!(names(&ben), ["\"Ben\""]);
}

#[test]
fn a_picture_is_taken_carried_to_another_computer_and_removed() {
    let (anna, laptop) = (Person::new(), Person::new());
    let portraits = |person: &Person| {
        let book = Book::open(&person.folder()).expect("contacts");
        book.portraits().expect("readable")
    };
    let picture = image::RgbImage::from_pixel(300, 200, image::Rgb([200, 30, 40]));
    picture.save(anna.file("me.png")).expect("room for a file");
    anna.does(&["identity", "picture", "me.png"]);
    let shown = portraits(&anna);
    let [(owner, _)] = &*shown else {
        panic!("no picture of hers");
    };
    assert_eq!(String::from(*owner), anna.identity());
    fs::write(anna.file("diary.png"), "Dear diary").expect("room for a file");
    for (file, sentence) in [
        (
            "diary.png",
            "this is not a picture that Twocan can read; a PNG or JPEG file is",
        ),
        (
            "none.png",
            "the picture cannot be read: there is no such file",
        ),
    ] {
        anna.refuses(&["identity", "picture", file], "", 3, sentence);
    }
    assert_eq!(portraits(&anna), shown);

    anna.does_with(&["identity", "export", "anna.twocan"], PASSPHRASE);
    fs::copy(anna.file("anna.twocan"), laptop.file("anna.twocan")).expect("room for a file");
    laptop.does_with(&["identity", "import", "anna.twocan"], PASSPHRASE);
    assert_eq!(portraits(&laptop), shown);

    anna.does(&["identity", "picture", "--remove"]);
    assert_eq!(portraits(&anna), []);
}

#[test]
fn names_are_found_or_asked_back_for() {
    let (anna, ben) = friends();
    let carl = Person::new();
    anna.does(&["contacts", "rename", "BEN", "Benjamin"]);
    assert_eq!(anna.list()["contacts"][0]["name"], "Benjamin");
    anna.refuses(
        &["contacts", "remove", "benjamni"],
        "",
        2,
        "nobody among your contacts is called “benjamni”; did you mean “Benjamin”?",
    );
    anna.saves("benjamin", &carl);
    let said = anna.run(&["contacts", "remove", "Benjamin"], "");
    assert_eq!(said.code, Some(2));
    for person in [&ben, &carl] {
        assert!(said.err.contains(&person.identity()), "{}", said.err);
    }
    anna.does(&["contacts", "remove", &*carl.identity()]);
    assert_eq!(
        anna.list()["contacts"].as_array().map(Vec::len),
        Some(1),
        "{}",
        anna.list()
    );
    anna.refuses(
        &["contacts", "add", "Me", &*anna.identity()],
        "",
        2,
        "this is your own identity; a contact is somebody else",
    );
    anna.refuses(
        &["call", "Benjamin"],
        "",
        2,
        "it is not known at which call server Benjamin is met; name it with --server",
    );
    anna.refuses(
        &["listen"],
        "",
        2,
        "it is not known at which call server your contacts call; name it with --server",
    );
    anna.refuses(
        &["call", "Zoe", "--server", "ws://127.0.0.1:1"],
        "",
        2,
        "nobody among your contacts is called “Zoe”",
    );
}

#[test]
fn nobody_else_reads_what_is_kept() {
    let (anna, _) = friends();
    anna.does_with(&["identity", "export", "anna.twocan"], PASSPHRASE);
    let folder = anna.folder();
    for file in [
        folder.join("people.redb"),
        folder.join("identity.key"),
        anna.file("anna.twocan"),
    ] {
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_second_process_gets_a_sentence() {
    let place = Place::open();
    let (anna, ben) = friends();
    let mut listening = ben.starts("ben", &place, &["listen"]);
    listening.wait_for("listening");
    let open = "Twocan is already open; look for its window";
    for arguments in [
        &["contacts", "list"][..],
        &["call", "Anna", "--server", &*place.url],
        &["listen", "--server", &*place.url],
        &["identity", "export", "ben.twocan"],
    ] {
        ben.refuses(arguments, PASSPHRASE, 5, open);
    }
    // Nothing is written for this.
    assert_eq!(anna.list()["contacts"][0]["identity"], ben.identity());
    listening.interrupt();
    listening.finish();
}

#[test]
fn damaged_contacts_are_left_as_they_are() {
    let (anna, _) = friends();
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let damage: Vec<u8> = (0..20_000).map(|_| rng.random()).collect();
    let file = anna.folder().join("people.redb");
    fs::write(&file, &damage).expect("room for a file");
    for arguments in [
        &["contacts", "list"][..],
        &["call", "Ben", "--server", "ws://127.0.0.1:1"],
        &["rooms", "list"],
    ] {
        let said = anna.run(arguments, "");
        let begins = format!(
            "twocan: your contacts cannot be kept in {}: ",
            file.display()
        );
        assert!(said.err.starts_with(&begins), "{}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert_eq!(said.code, Some(3), "{arguments:?}");
        assert!(fs::read(&file).expect("a file") == damage, "it was changed");
    }
}

#[test]
fn a_standing_room_has_the_same_link_each_time() {
    let place = Place::open();
    let (anna, ben) = friends();
    let host = ["host", "--headless", "--room", "Family", "--duration", "1s"];
    let mut first = anna.starts("anna", &place, &host);
    let link = first.wait_for("twocan://");
    let join = |link: &str| {
        let mut command = ben.command(&["join", link, "--headless"]);
        let silent = ["--microphone", "silence", "--speaker", "null"];
        command.args(silent).args(["--camera", "none"]);
        Program::start("ben", command)
    };
    join(&link).finish();
    first.finish();
    let listed = anna.does(&["rooms", "list"]);
    assert_eq!(listed, format!("Family  {link}\n"));
    let mut second = anna.starts("anna", &place, &host);
    assert_eq!(second.wait_for("twocan://"), link);
    join(&link).finish();
    second.finish();
    anna.refuses(
        &[&host[..], &["--server", "ws://127.0.0.1:1"]].concat(),
        "",
        2,
        &format!(
            "the room “Family” is at {}; to make it anew elsewhere, revoke it first",
            place.url.trim_start_matches("ws://")
        ),
    );
    anna.does(&["rooms", "revoke", "family"]);
    assert_eq!(anna.does(&["rooms", "list"]), "");
    anna.refuses(
        &host,
        "",
        2,
        "there is no room called “Family” yet; name the call server where it is to be, with --server",
    );
}

#[test]
fn two_meet_in_a_standing_room_whoever_comes_first_and_again() {
    let place = Place::open();
    let (anna, ben) = (Person::new(), Person::new());
    let make = ["rooms", "make", "Family", "--server", &*place.url];
    let made = anna.does(&make);
    let link = made.trim_end();
    ben.does(&["rooms", "keep", link, "--name", "The Webers"]);
    assert_eq!(
        ben.does(&["rooms", "list"]),
        format!("The Webers  {link}\n")
    );
    let comes = |name, person: &Person, rest: &[&str]| {
        let mut command = person.command(rest);
        command
            .args(["--headless", "--microphone", "tone:440"])
            .args(["--speaker", "null", "--camera", "none"]);
        Program::start(name, command)
    };
    // By their own name for it, and by its link; each comes first once.
    let as_kept = ["host", "--room", "the webers"];
    let by_link = ["join", link];
    for (first, second) in [(&as_kept[..], &by_link[..]), (&by_link[..], &as_kept[..])] {
        let mut waits = comes("the first", &ben, first);
        waits.wait_for("in the room");
        let stays = ["host", "--room", "Family", "--duration", "1s"];
        let said = comes("the second", &anna, &stays).finish();
        has_line(&said, "connected");
        let said = waits.finish();
        has_line(&said, "connected");
        // And the other way round.
        let mut waits = comes("anna", &anna, &stays);
        waits.wait_for("in the room");
        has_line(&comes("ben", &ben, second).finish(), "connected");
        has_line(&waits.finish(), "connected");
    }
    // Revoked, its owner does not come any more; for others it is as it was.
    anna.does(&["rooms", "revoke", "family"]);
    assert_eq!(ben.does(&["rooms", "list"]).lines().count(), 1);
}

#[test]
fn a_room_for_a_while_is_not_entered_after_it() {
    let anna = Person::new();
    let make = ["rooms", "make", "Trip", "--server", "ws://127.0.0.1:1"];
    anna.does(&[&make[..], &["--for", "1ms"]].concat());
    assert!(anna.does(&["rooms", "list"]).contains("  ran out on "));
    let host = ["host", "--headless", "--room", "trip"];
    let said = anna.run(&host, "");
    assert!(
        said.err.starts_with("twocan: the room “Trip” ran out on "),
        "{}",
        said.err
    );
    assert_eq!(said.code, Some(2));
    // Its name is free for another.
    anna.does(&[&make[..], &["--for", "7d"]].concat());
    assert!(anna.does(&["rooms", "list"]).contains("  until "));
    let twice = "there is a room called “Trip” already";
    anna.refuses(&make, "", 2, twice);
    let call = "twocan://a.example/x#y";
    assert_eq!(
        anna.run(&["rooms", "keep", call, "--name", "x"], "").code,
        Some(13)
    );
}

const KILLED: &str = "people::contacts_survive_a_kill_at_any_moment";
const KILLS: u32 = 200;
const FOLDER: &str = "TWOCAN_TEST_FOLDER";
const FROM: &str = "TWOCAN_TEST_FROM";
/// How many contacts are written in turn.
const PEOPLE: u64 = 6;

#[test]
fn contacts_survive_a_kill_at_any_moment() {
    if child::role().as_deref() == Some("write contacts") {
        write_contacts();
        return;
    }
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut folder = TempDir::new();
    let (mut done, mut changes) = (0, 0);
    for kill in 0..KILLS {
        // Every fourth is killed while the file is made, or soon after.
        let anew = kill % 4 == 0;
        if anew {
            folder = TempDir::new();
            done = 0;
        }
        let wanted = if anew { 0 } else { rng.random_range(0..12) };
        let then = Duration::from_micros(rng.random_range(0..8_000));
        let told = kill_a_writer(folder.path(), done, wanted, then).unwrap_or(done);
        let book = Book::open(folder.path());
        let book = book.unwrap_or_else(|error| panic!("seed {seed}, kill {kill}: {error}"));
        let kept = kept_in(&book);
        let before = done;
        done = [told, told + 1]
            .into_iter()
            .find(|number| kept == after(*number))
            .unwrap_or_else(|| panic!("seed {seed}, kill {kill}: after {told}, {kept:?}"));
        changes += done - before;
    }
    println!("{changes} changes in {KILLS} processes that were killed");
}

/// Killed at some moment after so many changes: the last one that it told of, if any.
fn kill_a_writer(folder: &Path, from: u64, changes: usize, then: Duration) -> Option<u64> {
    let mut writer = Command::new(std::env::current_exe().expect("our own path"))
        .args(["--exact", KILLED, "--nocapture", "--test-threads=1"])
        .env(child::ROLE, "write contacts")
        .env(FOLDER, folder)
        .env(FROM, from.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts again");
    let mut says = BufReader::new(writer.stdout.take().expect("piped"));
    let mut told = Vec::new();
    // The first word comes before the file is opened.
    while told.len() <= changes {
        told.push(next_told(&mut says).expect("it goes on until it is killed"));
    }
    wait_until(Instant::now() + then);
    writer.kill().expect("our child");
    writer.wait().expect("our child");
    while let Some(words) = next_told(&mut says) {
        told.push(words);
    }
    told.last().and_then(|words| words.parse().ok())
}

/// What was cut off by the kill was not told.
fn next_told(says: &mut impl BufRead) -> Option<String> {
    loop {
        let mut line = String::new();
        if says.read_line(&mut line).expect("text") == 0 {
            return None;
        }
        let whole = line.strip_suffix('\n');
        if let Some(words) = whole.and_then(|whole| whole.strip_prefix("CHILD ")) {
            return Some(words.to_owned());
        }
    }
}

/// Until it is killed, or nobody listens.
fn write_contacts() {
    let folder = std::env::var_os(FOLDER).expect("a folder");
    let from = std::env::var(FROM).expect("a number");
    let from: u64 = from.parse().expect("a number");
    child::tell("begun");
    let book = Book::open(Path::new(&folder)).expect("contacts");
    for number in from + 1.. {
        let (identity, contact) = change(number);
        let written = match contact {
            Some(contact) => book.save(&contact),
            None => book.remove(&identity),
        };
        written.expect("written");
        child::tell(&number.to_string());
    }
}

/// Each contact in turn is saved, then renamed and verified, then removed.
fn change(number: u64) -> (PublicIdentity, Option<Contact>) {
    let (turn, who) = (number / PEOPLE, number % PEOPLE);
    let identity = Identity::new(&mut StdRng::seed_from_u64(who)).public();
    let contact = Contact {
        identity,
        name: number.to_string(),
        verified: turn % 3 == 1,
        server: None,
    };
    (identity, (turn % 3 != 2).then_some(contact))
}

/// Whom all changes up to this one leave.
fn after(number: u64) -> BTreeMap<PublicIdentity, Contact> {
    let first = number.saturating_sub(PEOPLE) + 1;
    let last_of_each = (first..=number).map(change);
    last_of_each
        .filter_map(|(identity, contact)| Some((identity, contact?)))
        .collect()
}

fn kept_in(book: &Book) -> BTreeMap<PublicIdentity, Contact> {
    let contacts = book.contacts().expect("contacts").into_iter();
    contacts
        .map(|contact| (contact.identity, contact))
        .collect()
}

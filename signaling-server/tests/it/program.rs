//! The program: what it says, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

fn server(listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twocan-server"));
    command.args(["--listen", listen]).stderr(Stdio::piped());
    command
}

#[test]
fn a_bad_address_gets_one_sentence() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    for (listen, sentence) in [
        (taken.as_str(), "is in use"),
        ("192.0.2.1:4455", "is not an address of this computer"),
        ("4455", "is not an address with a port"),
        ("0.0.0.0:99999", "is not an address with a port"),
    ] {
        let output = server(listen).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{listen}: {said}");
        assert!(said.contains(sentence) && said.contains(listen), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    drop(holder);
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_ends_well_at_either_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut child = server("127.0.0.1:0").spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap();
        std::net::TcpStream::connect(address).unwrap();
        let kill = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert!(child.wait().unwrap().success());
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "closed\n");
    }
}

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use zeroize::Zeroizing;

use super::Exit;

/// Longer is none that anybody remembers.
const MOST_BYTES: u64 = 4_096;

/// That of a file that is there: typed unseen or, where nobody types, the first line of stdin.
///
/// # Errors
/// When there is none to be had.
pub fn ask() -> Result<Zeroizing<String>, Exit> {
    read("Passphrase of the file: ").map_err(|error| unreadable(&error))
}

/// One for a new file: who types it unseen types it twice.
///
/// # Errors
/// When there is none to be had, or there are two.
pub fn choose() -> Result<Zeroizing<String>, Exit> {
    let chosen = read("A passphrase for the file: ").map_err(|error| unreadable(&error))?;
    if io::stdin().is_terminal() {
        let again = read("The same once more: ").map_err(|error| unreadable(&error))?;
        if *again != *chosen {
            return Err(Exit::wrong_words(
                "the two passphrases are not the same; no file was written",
            ));
        }
    }
    Ok(chosen)
}

fn read(prompt: &str) -> io::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map(Zeroizing::new);
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

fn unreadable(error: &io::Error) -> Exit {
    Exit::wrong_words(format!("the passphrase cannot be read: {error}"))
}

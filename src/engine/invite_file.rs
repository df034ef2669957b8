use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use url::Url;

use crate::trust::{Invite, InvitePictureError, MAX_PICTURE_BYTES, Portrait, PortraitError};

/// Why there is no invite in a file. The sentences are for people.
#[derive(Debug, thiserror::Error)]
pub enum InviteFileError {
    /// It is not the picture of one.
    #[error(transparent)]
    Picture(#[from] InvitePictureError),
    /// The system does not give it to us.
    #[error("the picture cannot be read: {}", reason(.0))]
    Unreadable(#[from] io::Error),
}

/// Why there is no portrait in a file. The sentences are for people.
#[derive(Debug, thiserror::Error)]
pub enum PortraitFileError {
    /// None can be made of it.
    #[error(transparent)]
    Portrait(#[from] PortraitError),
    /// The system does not give it to us.
    #[error("the picture cannot be read: {}", reason(.0))]
    Unreadable(#[from] io::Error),
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "the system does not let us open it".to_owned(),
        _ => error.to_string(),
    }
}

/// What is in a file of somebody's.
enum Content {
    Bytes(Vec<u8>),
    /// More than any picture is.
    TooMuch,
    /// It is no file, and may have no end.
    None,
}

/// The file that `text` names: one that is there, as its path, or any as a URL (RFC 8089), which is what file
/// managers paste. None on another computer, as to ask that one would tell it who asks.
pub fn named_file(text: &str) -> Option<PathBuf> {
    let line = text.trim().lines().next()?;
    let line = line.trim_end().trim_matches(['"', '\'']);
    match Url::parse(line) {
        Ok(url) if url.scheme() == "file" => match url.host() {
            Some(_) => None,
            None => url.to_file_path().ok(),
        },
        Ok(_) | Err(_) => {
            let elsewhere = cfg!(windows) && line.starts_with(['\\', '/']);
            let path = PathBuf::from(line);
            (!elsewhere && path.is_file()).then_some(path)
        }
    }
}

/// The invite of which the file at `path` is a picture. Takes up to seconds.
///
/// # Errors
/// When it cannot be read, or is no such picture.
pub fn invite_in_file(path: &Path) -> Result<Invite, InviteFileError> {
    Ok(match content(path)? {
        Content::Bytes(bytes) => Invite::in_picture(&bytes)?,
        Content::TooMuch => return Err(InvitePictureError::TooLarge.into()),
        Content::None => return Err(InvitePictureError::NotAPicture.into()),
    })
}

/// How somebody looks in the picture at `path`. Takes up to seconds.
///
/// # Errors
/// When it cannot be read, or is no picture.
pub fn portrait_in_file(path: &Path) -> Result<Portrait, PortraitFileError> {
    Ok(match content(path)? {
        Content::Bytes(bytes) => Portrait::from_picture(&bytes)?,
        Content::TooMuch => return Err(PortraitError::TooLarge.into()),
        Content::None => return Err(PortraitError::NotAPicture.into()),
    })
}

/// The same, of the file that `text` names: see [`named_file`].
///
/// # Errors
/// As above.
pub fn portrait_in_named_file(text: &str) -> Result<Portrait, PortraitFileError> {
    let path = named_file(text).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    portrait_in_file(&path)
}

fn content(path: &Path) -> io::Result<Content> {
    let metadata = path.metadata()?;
    // A pipe may never open, and a device never end.
    if !metadata.is_file() {
        return Ok(Content::None);
    }
    if metadata.len() > MAX_PICTURE_BYTES as u64 {
        return Ok(Content::TooMuch);
    }
    let mut bytes = Vec::new();
    // It may have grown meanwhile.
    File::open(path)?
        .take(MAX_PICTURE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(Content::Bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TempDir;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_named_by_its_path_or_url() {
        let folder = TempDir::new();
        let path = folder.path().join("Maya’s code 100%.png");
        std::fs::write(&path, b"").unwrap();
        let written = path.to_str().unwrap();
        let url = Url::from_file_path(&path).unwrap().to_string();
        assert!(url.contains("%20"), "{url}");
        for text in [
            written.to_owned(),
            format!("  {written}\r\n"),
            format!("\"{written}\""),
            format!("'{written}'"),
            url.clone(),
            format!(" {url}\nfile:///another.png\n"),
            url.replace("file:///", "file://localhost/"),
        ] {
            assert_eq!(named_file(&text).as_ref(), Some(&path), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_or_elsewhere_is_not_named() {
        let folder = TempDir::new();
        let here = folder.path().to_str().unwrap();
        let missing = format!("{here}/none.png");
        for text in [
            "",
            " \n ",
            ".",
            here,
            &*missing,
            "7-guitar-lamp",
            "https://example.org/code.png",
            "file://example.org/code.png",
            "\0",
        ] {
            assert_eq!(named_file(text), None, "{text:?}");
        }
        // A URL is meant to be of a file, so it is said that there is none.
        let path = named_file("file:///nowhere/at/all.png").unwrap();
        let error = invite_in_file(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the picture cannot be read: there is no such file"
        );
    }

    #[test]
    fn what_is_no_picture_is_not_read_to_its_end() {
        let wrong = |path: &Path| invite_in_file(path).unwrap_err().to_string();
        let folder = TempDir::new();
        let not_a_picture = InvitePictureError::NotAPicture.to_string();
        assert_eq!(wrong(folder.path()), not_a_picture);
        #[cfg(unix)]
        assert_eq!(wrong(Path::new("/dev/zero")), not_a_picture);
        let path = folder.path().join("large.png");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 30).unwrap();
        assert_eq!(wrong(&path), InvitePictureError::TooLarge.to_string());
        std::fs::write(&path, b"twocan").unwrap();
        assert_eq!(wrong(&path), not_a_picture);
    }

    #[test]
    fn a_portrait_is_made_of_a_file_or_it_is_said_why_not() {
        let folder = TempDir::new();
        let wrong = |text: &str| portrait_in_named_file(text).unwrap_err().to_string();
        let path = folder.path().join("Me, at sea.jpg");
        let written = path.to_str().unwrap();
        let missing = "the picture cannot be read: there is no such file";
        assert_eq!(wrong(written), missing);
        assert_eq!(wrong("file:///nowhere/at/all.png"), missing);
        let portrait = Portrait::plain([20, 60, 190]);
        std::fs::write(&path, portrait.jpeg()).unwrap();
        let url = Url::from_file_path(&path).unwrap().to_string();
        for text in [written, &*url] {
            let made = portrait_in_named_file(text).unwrap();
            assert!(made.pixels().is_some(), "{text}");
        }
        std::fs::write(&path, b"twocan").unwrap();
        assert_eq!(wrong(written), PortraitError::NotAPicture.to_string());
        let file = File::create(&path).unwrap();
        file.set_len(1 << 30).unwrap();
        assert_eq!(wrong(written), PortraitError::TooLarge.to_string());
        #[cfg(unix)]
        assert!(portrait_in_file(Path::new("/dev/zero")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_taken_without_a_panic(text in any::<String>()) {
            let _ = named_file(&text);
            let _ = named_file(&format!("file://{text}"));
        }
    }
}

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::{BAD_FILE, Exit};

/// Opened before the call: nobody wants to learn after it that nothing was kept.
pub fn open_report(path: Option<&Path>) -> Result<Option<ReportFile>, Exit> {
    let Some(path) = path else { return Ok(None) };
    match File::create(path) {
        Ok(file) => Ok(Some(ReportFile {
            file,
            path: path.to_owned(),
        })),
        Err(error) => Err(Exit {
            code: BAD_FILE,
            sentence: Some(format!(
                "the report cannot be written to {}: {}",
                path.display(),
                in_words(&error)
            )),
        }),
    }
}

/// A file that is open and waits for the report.
pub struct ReportFile {
    file: File,
    path: PathBuf,
}

/// After the call.
///
/// # Errors
/// When the disk is full, or gone.
pub fn write_report(file: Option<ReportFile>, report: &impl Serialize) -> anyhow::Result<()> {
    let Some(ReportFile { mut file, path }) = file else {
        return Ok(());
    };
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    file.write_all(text.as_bytes())
        .with_context(|| format!("the report cannot be written to {}", path.display()))
}

/// Without the system's number for it.
pub fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such folder".to_owned(),
        ErrorKind::PermissionDenied => "the system does not allow it".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

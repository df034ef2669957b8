use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use twocan::media::{VideoFrame, read_frame_number};

/// Of so many pictures of the film, the first that is shown is kept with its pixels.
const KEPT_OF: u16 = 6;

/// Which picture was shown when (`shown.csv`), and some of them (`seen.y4m`).
pub struct Shown {
    table: BufWriter<File>,
    kept: BufWriter<File>,
    pictures: usize,
    /// Of which few of the film one was kept last.
    kept_of: Option<u16>,
}

impl Shown {
    /// In `folder`; `header` is the first line of the Y4M file.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn create(folder: &Path, header: &str) -> io::Result<Self> {
        let mut table = BufWriter::new(File::create(folder.join("shown.csv"))?);
        writeln!(table, "shown_s,number,picture")?;
        let mut kept = BufWriter::new(File::create(folder.join("seen.y4m"))?);
        writeln!(kept, "{header}")?;
        Ok(Self {
            table,
            kept,
            pictures: 0,
            kept_of: None,
        })
    }

    /// A frame was shown at a moment, Unix seconds. `kept` is it in the size of the file.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn push<'a>(
        &mut self,
        shown_s: f64,
        frame: &'a VideoFrame,
        kept: impl FnOnce(&'a VideoFrame) -> Cow<'a, VideoFrame>,
    ) -> io::Result<()> {
        let number = read_frame_number(frame);
        let text = number.map(|number| number.to_string()).unwrap_or_default();
        write!(self.table, "{shown_s:.6},{text},")?;
        let few = number.map(|number| number / KEPT_OF);
        if few.is_some() && few != self.kept_of {
            self.kept_of = few;
            write!(self.table, "{}", self.pictures)?;
            self.pictures += 1;
            self.kept.write_all(b"FRAME\n")?;
            self.kept.write_all(kept(frame).data())?;
        }
        writeln!(self.table)
    }

    /// Writes down what is still in memory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.table.flush()?;
        self.kept.flush()
    }
}

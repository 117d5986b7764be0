//! A file that one process at a time writes, and whose content is replaced as a whole or not at all.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

/// A file of records, held against other processes until it is dropped.
#[derive(Debug)]
pub(crate) struct RecordFile {
    file: File,
    path: PathBuf,
}

/// Parts of a file, in order; neighbours are one.
#[derive(Debug, Default)]
pub(crate) struct Spans(Vec<Range<u64>>);

impl RecordFile {
    /// Opens or makes the file and takes it for this process.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = open_locked(path)?;
        let path = path.canonicalize().with_context(|| format!("{} cannot be found", path.display()))?;
        Ok(Self { file, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn length(&self) -> anyhow::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Writes at the end. It is in the system's hands when this returns: a killed process loses nothing.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(bytes).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Has the disk keep what was written.
    pub(crate) fn sync(&self) -> anyhow::Result<()> {
        self.file.sync_all().with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// The content from its beginning. [`seek_end`](Self::seek_end) goes before the next record is appended.
    pub(crate) fn reader(&mut self) -> anyhow::Result<BufReader<&File>> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(&self.file))
    }

    pub(crate) fn seek_end(&mut self) -> anyhow::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        Ok(())
    }

    /// Every line with the place where it begins. Leaves the file at its end.
    pub(crate) fn lines(
        &mut self,
        mut see: impl FnMut(&[u8], u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let shown = self.path.display().to_string();
        let mut reader = self.reader()?;
        let (mut line, mut at) = (Vec::new(), 0);
        loop {
            line.clear();
            let length =
                reader.read_until(b'\n', &mut line).with_context(|| format!("{shown} cannot be read"))?;
            if length == 0 {
                break;
            }
            see(&line, at)?;
            at += length as u64;
        }
        self.seek_end()
    }

    /// Cuts off what is behind a place.
    pub(crate) fn cut(&mut self, at: u64) -> anyhow::Result<()> {
        self.file.set_len(at)?;
        self.seek_end()
    }

    /// Puts a file with these parts alone in the place of this one. The lock goes with it.
    pub(crate) fn keep(&mut self, spans: &Spans) -> anyhow::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".tmp");
        let name = PathBuf::from(name);
        let file = open_locked(&name)?;
        file.set_len(0)?;
        let mut writer = BufWriter::new(file);
        for span in &spans.0 {
            self.file.seek(SeekFrom::Start(span.start))?;
            io::copy(&mut (&self.file).take(span.end.saturating_sub(span.start)), &mut writer)?;
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.set_permissions(self.file.metadata()?.permissions())?;
        file.sync_all()?;
        std::fs::rename(&name, &self.path)
            .with_context(|| format!("{} cannot be replaced", self.path.display()))?;
        self.file = file;
        Ok(())
    }
}

impl Spans {
    pub(crate) fn push(&mut self, span: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => self.0.push(span),
        }
    }

    /// Where they end, if they are a beginning of the file without a gap.
    pub(crate) fn beginning(&self) -> Option<u64> {
        match self.0.as_slice() {
            [] => Some(0),
            [one] if one.start == 0 => Some(one.end),
            _ => None,
        }
    }
}

fn open_locked(path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path).with_context(|| format!("{shown} cannot be opened"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("another process is writing {shown}"),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("{shown} cannot be locked"));
        }
    }
    // another process may have put a new file there between the two
    let is_there = same_file::Handle::from_path(path)? == same_file::Handle::from_file(file.try_clone()?)?;
    ensure!(is_there, "another process is writing {shown}");
    Ok(file)
}

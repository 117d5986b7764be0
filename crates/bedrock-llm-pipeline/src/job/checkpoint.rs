//! How far a job from file to file is, kept in a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Begin, JobError, Keeper};
use crate::plan::Plan;
use crate::sink::IntoFile;
use crate::source::{FromFile, Place};

/// The form of the file.
const VERSION: u32 = 1;

/// So many bytes before a place tell whether the input is still the same.
const TELLING: u64 = 4096;

/// Why a job cannot go on from its checkpoint, or cannot keep one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Windows take several items together.
    #[error(
        "node `{node}` is a window: it takes several items together, so a job with it keeps no checkpoint"
    )]
    #[non_exhaustive]
    Window {
        /// The node.
        node: String,
    },
    /// There is no checkpoint, but there is output.
    #[error("{} has something in it, but there is no checkpoint {}: remove it, or choose another output", output.display(), path.display())]
    #[non_exhaustive]
    OutputNotEmpty {
        /// The output, or the file of dead letters.
        output: PathBuf,
        /// The checkpoint.
        path: PathBuf,
    },
    /// The output has less in it than was written.
    #[error("{} has {found} bytes, but {expected} were written: remove it and the checkpoint {} to begin anew", output.display(), path.display())]
    #[non_exhaustive]
    OutputShort {
        /// The output, or the file of dead letters.
        output: PathBuf,
        /// How long it is.
        found: u64,
        /// How long it was.
        expected: u64,
        /// The checkpoint.
        path: PathBuf,
    },
    /// The input is another than before.
    #[error("{} is not the input that the checkpoint {} is of: remove the checkpoint and the output to begin anew", input.display(), path.display())]
    #[non_exhaustive]
    InputChanged {
        /// The input.
        input: PathBuf,
        /// The checkpoint.
        path: PathBuf,
    },
    /// The pipeline has other nodes than before.
    #[error("the pipeline's nodes were {before:?} and are {now:?}: remove the checkpoint {} and the output to begin anew", path.display())]
    #[non_exhaustive]
    PipelineChanged {
        /// The nodes that the checkpoint is of.
        before: Vec<String>,
        /// The nodes there are.
        now: Vec<String>,
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file is no checkpoint, or one of a later version.
    #[error("{} is no checkpoint of this version: remove it and the output to begin anew", path.display())]
    #[non_exhaustive]
    Unreadable {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: Option<serde_json::Error>,
    },
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    #[non_exhaustive]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl From<CheckpointError> for JobError {
    fn from(cause: CheckpointError) -> Self {
        Self::Checkpoint { cause }
    }
}

/// What stands in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    version: u32,
    /// All records before this place are done.
    input: Place,
    /// What the bytes before that place are, as SHA-256.
    input_before: String,
    /// Records behind it that are done.
    done: Vec<Stretch>,
    output: u64,
    dead_letters: u64,
    nodes: Vec<String>,
}

/// Records in a row that are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stretch {
    first: u64,
    /// The first behind it that is not done.
    end: u64,
    /// The place of that one.
    behind: Place,
}

/// Which records are done.
#[derive(Clone, Debug, Default)]
struct Done {
    /// All before this place are.
    before: Place,
    /// And these, by their first; none of them touches another, or what is before.
    stretches: BTreeMap<u64, Stretch>,
}

impl Done {
    /// Whether one behind the place before which all are done is done too.
    fn has(&self, index: u64) -> bool {
        self.stretches.range(..=index).next_back().is_some_and(|(_, stretch)| index < stretch.end)
    }

    fn add(&mut self, index: u64, behind: Place) {
        let mut stretch = Stretch { first: index, end: index + 1, behind };
        if let Some((_, before)) =
            self.stretches.range(..index).next_back().filter(|(_, before)| before.end == index)
        {
            stretch.first = before.first;
        }
        if let Some(after) = self.stretches.remove(&stretch.end) {
            stretch.end = after.end;
            stretch.behind = after.behind;
        }
        if stretch.first <= self.before.record {
            self.stretches.remove(&stretch.first);
            self.before = stretch.behind;
        } else {
            self.stretches.insert(stretch.first, stretch);
        }
    }
}

/// Keeps a checkpoint.
pub(super) struct FileKeeper {
    path: PathBuf,
    input: PathBuf,
    nodes: Vec<String>,
    window: Option<String>,
    done: Done,
}

impl FileKeeper {
    pub(super) fn new(path: PathBuf, plan: &Plan) -> Self {
        let mut nodes = Vec::new();
        let mut window = None;
        plan.each(&mut |name, probe| {
            nodes.push(format!("{name} ({})", probe.kind()));
            if matches!(probe.kind(), "window" | "sliding_window") {
                window.get_or_insert_with(|| name.to_string());
            }
        });
        Self { path, input: PathBuf::new(), nodes, window, done: Done::default() }
    }

    fn io<'a>(path: &'a Path) -> impl FnOnce(io::Error) -> CheckpointError + use<'a> {
        |cause| CheckpointError::Io { path: path.to_owned(), cause }
    }

    /// What was kept, if anything.
    fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Self::io(&self.path)(error)),
        };
        let unreadable = |cause| CheckpointError::Unreadable { path: self.path.clone(), cause };
        let checkpoint: Checkpoint =
            serde_json::from_slice(&text).map_err(|error| unreadable(Some(error)))?;
        if checkpoint.version != VERSION {
            return Err(unreadable(None));
        }
        if checkpoint.nodes != self.nodes {
            return Err(CheckpointError::PipelineChanged {
                before: checkpoint.nodes,
                now: self.nodes.clone(),
                path: self.path.clone(),
            });
        }
        let found = telling(&self.input, checkpoint.input.offset).map_err(Self::io(&self.input))?;
        if found.is_none_or(|found| found != checkpoint.input_before) {
            return Err(CheckpointError::InputChanged { input: self.input.clone(), path: self.path.clone() });
        }
        Ok(Some(checkpoint))
    }

    /// Brings a sink to where the last commit left it.
    fn cut(&self, sink: &mut impl IntoFile, length: Option<u64>) -> Result<(), CheckpointError> {
        let Some(output) = sink.path().map(Path::to_owned) else { return Ok(()) };
        let (path, found) = (self.path.clone(), sink.length());
        match length {
            None if found > 0 => Err(CheckpointError::OutputNotEmpty { output, path }),
            Some(expected) if found < expected => {
                Err(CheckpointError::OutputShort { output, found, expected, path })
            }
            length => sink.cut(length.unwrap_or(0)).map_err(Self::io(&output)),
        }
    }
}

impl<Src: FromFile, Snk: IntoFile, D: IntoFile> Keeper<Src, Snk, D> for FileKeeper {
    fn begin(&mut self, source: &mut Src, sink: &mut Snk, dead_letters: &mut D) -> Result<Begin, JobError> {
        if let Some(node) = self.window.clone() {
            return Err(CheckpointError::Window { node }.into());
        }
        self.input = source.path().to_owned();
        let checkpoint = self.load()?;
        self.cut(sink, checkpoint.as_ref().map(|checkpoint| checkpoint.output))?;
        self.cut(dead_letters, checkpoint.as_ref().map(|checkpoint| checkpoint.dead_letters))?;
        let Some(checkpoint) = checkpoint else {
            // before anything is written, so that output without a checkpoint is never ours
            Keeper::<Src, Snk, D>::save(self, sink, dead_letters)()?;
            return Ok(Begin::default());
        };
        source.begin_at(checkpoint.input);
        let stretches = checkpoint.done.into_iter().map(|stretch| (stretch.first, stretch));
        self.done = Done { before: checkpoint.input, stretches: stretches.collect() };
        let done = self.done.stretches.values().map(|stretch| stretch.first..stretch.end).collect();
        Ok(Begin { index: checkpoint.input.record, done, resumed: true })
    }

    fn done(&mut self, index: u64, receipt: &Place) {
        // one that was done before is told again, since it is read again
        if !self.done.has(index) {
            self.done.add(index, *receipt);
        }
    }

    fn save(&self, sink: &Snk, dead_letters: &D) -> Box<dyn FnOnce() -> Result<(), JobError> + Send> {
        let mut checkpoint = Checkpoint {
            version: VERSION,
            input: self.done.before,
            input_before: String::new(),
            done: self.done.stretches.values().copied().collect(),
            output: sink.length(),
            dead_letters: dead_letters.length(),
            nodes: self.nodes.clone(),
        };
        let (path, input) = (self.path.clone(), self.input.clone());
        Box::new(move || {
            let before = telling(&input, checkpoint.input.offset).map_err(Self::io(&input))?;
            checkpoint.input_before = before.unwrap_or_default();
            write(&path, &checkpoint).map_err(Self::io(&path))?;
            Ok(())
        })
    }
}

/// What the bytes before a place are; `None` if the file ends before it.
fn telling(path: &Path, offset: u64) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() < offset {
        return Ok(None);
    }
    let from = offset.saturating_sub(TELLING);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(offset - from).read_to_end(&mut bytes)?;
    Ok(Some(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Puts a checkpoint in the place of the one before, at once: a reader finds one or the other, whole.
fn write(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, checkpoint)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // so that the name is durable too; where folders cannot be opened, as on Windows, it is in time
    if let Ok(folder) = File::open(folder) {
        folder.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn behind(index: u64) -> Place {
        Place { record: index + 1, offset: (index + 1) * 10, line: index + 1 }
    }

    proptest! {
        /// In whatever order records are done: the account says the same as a set of them.
        #[test]
        fn the_account_is_that_of_a_set(order in Just((0_u64..40).collect::<Vec<_>>()).prop_shuffle(), count in 0_usize..40) {
            let mut done = Done::default();
            let mut set = BTreeSet::new();
            for &index in order.iter().take(count) {
                done.add(index, behind(index));
                set.insert(index);
                let before = (0..).find(|index| !set.contains(index)).unwrap_or_default();
                prop_assert_eq!(done.before.record, before);
                prop_assert_eq!(done.before.offset, before * 10);
                for index in before..41 {
                    prop_assert_eq!(done.has(index), set.contains(&index), "{}", index);
                }
                let stretches: Vec<_> = done.stretches.values().collect();
                for pair in stretches.windows(2) {
                    prop_assert!(pair[0].end < pair[1].first, "stretches touch: {:?}", pair);
                }
            }
        }
    }
}

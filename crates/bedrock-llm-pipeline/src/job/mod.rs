//! Pipelines from a source into a sink: nothing is lost, and a job that was killed goes on.

#[cfg(feature = "files")]
mod checkpoint;
mod dead_letter;
mod error;
mod report;
mod running;

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

#[cfg(feature = "files")]
pub use checkpoint::CheckpointError;
pub use dead_letter::{DeadLetter, NoDeadLetters};
pub use error::JobError;
pub use report::{Ended, JobReport};

use crate::run::RunHandle;
use crate::sink::Sink;
use crate::source::Source;
use crate::{Pipeline, Stage};

/// How many items are done between two commits, and how long one waits for the next, if nothing else is said.
const COMMIT_ITEMS: usize = 1_000;
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Takes the items of a [`Source`] through a pipeline and puts the results into a [`Sink`].
///
/// Every so often it commits: what was written is made durable, then the items it came of are acknowledged. A job that
/// ends at any point, by a failure or by SIGKILL, has lost nothing: items that were not acknowledged come again, from
/// a queue, or by the job's [checkpoint](Job::checkpoint) from a file.
///
/// ```
/// use bedrock_llm_pipeline::Pipeline;
/// use bedrock_llm_pipeline::job::Job;
/// use bedrock_llm_pipeline::{sink, source};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lengths = Pipeline::new().map(|text: &str| text.len());
/// let results = sink::Collect::new();
/// let report = Job::new(&lengths, source::iter(["a", "bc"]), results.clone()).run().await?;
/// assert_eq!((report.read, results.take()), (2, vec![1, 2]));
/// # Ok(())
/// # }
/// ```
///
/// From file to file, going on where it was killed:
///
/// ```
/// # #[cfg(not(feature = "files"))]
/// # fn main() {}
/// # #[cfg(feature = "files")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bedrock_llm_pipeline::Pipeline;
/// use bedrock_llm_pipeline::job::Job;
/// use bedrock_llm_pipeline::sink::JsonLinesSink;
/// use bedrock_llm_pipeline::source::JsonLines;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = |name: &str| folder.path().join(name);
/// std::fs::write(path("in.jsonl"), "1\n\"two\"\n3\n")?;
///
/// let doubled = Pipeline::new().map(|number: u64| number * 2);
/// let report = Job::new(&doubled, JsonLines::open(path("in.jsonl"))?, JsonLinesSink::open(path("out.jsonl"))?)
///     .dead_letters(JsonLinesSink::open(path("failed.jsonl"))?)
///     .checkpoint(path("job.json"))
///     .run()
///     .await?;
/// assert_eq!(std::fs::read_to_string(path("out.jsonl"))?, "2\n6\n");
/// assert_eq!((report.read, report.failed), (3, 1));
/// # Ok(())
/// # }
/// ```
#[must_use = "a job does nothing before `run`"]
pub struct Job<P, In, Out, S, Src, Snk, D = NoDeadLetters>
where
    Src: Source,
{
    pipeline: P,
    source: Src,
    sink: Snk,
    dead_letters: D,
    /// Copies an input for its dead letter.
    keep_input: Option<KeepInput<In>>,
    skips_failures: bool,
    commit_items: usize,
    commit_every: Duration,
    queue: Option<usize>,
    handle: RunHandle,
    keeper: Option<Box<dyn Keeper<Src, Snk, D>>>,
    types: PhantomData<fn(In, S) -> Out>,
}

impl<P, In, Out, S, Src, Snk> Job<P, In, Out, S, Src, Snk>
where
    P: Borrow<Pipeline<In, Out, S>>,
    S: Stage<In, Out>,
    Src: Source<Item = In>,
    Snk: Sink<Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Of a pipeline, or a `&` or `Arc` of one.
    pub fn new(pipeline: P, source: Src, sink: Snk) -> Self {
        Self {
            pipeline,
            source,
            sink,
            dead_letters: NoDeadLetters,
            keep_input: None,
            skips_failures: false,
            commit_items: COMMIT_ITEMS,
            commit_every: COMMIT_EVERY,
            queue: None,
            handle: RunHandle::default(),
            keeper: None,
            types: PhantomData,
        }
    }

    /// Items that fail are skipped, and a [`DeadLetter`] with the item is written into a sink of their own. Give it
    /// before the [checkpoint](Job::checkpoint).
    pub fn dead_letters<D>(self, sink: D) -> Job<P, In, Out, S, Src, Snk, D>
    where
        D: Sink<DeadLetter<In>>,
        In: Clone,
    {
        Job {
            pipeline: self.pipeline,
            source: self.source,
            sink: self.sink,
            dead_letters: sink,
            keep_input: Some(In::clone),
            skips_failures: true,
            commit_items: self.commit_items,
            commit_every: self.commit_every,
            queue: self.queue,
            handle: self.handle,
            keeper: None,
            types: PhantomData,
        }
    }
}

impl<P, In, Out, S, Src, Snk, D> Job<P, In, Out, S, Src, Snk, D>
where
    P: Borrow<Pipeline<In, Out, S>>,
    S: Stage<In, Out>,
    Src: Source<Item = In>,
    Snk: Sink<Out>,
    D: Sink<DeadLetter<In>>,
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Items that fail are skipped and told in the report. Without this, or [`dead_letters`](Job::dead_letters), the
    /// first failure ends the job.
    pub fn skip_failures(mut self) -> Self {
        self.skips_failures = true;
        self
    }

    /// Commits when so many items are done, or when one has waited so long; 1000 items, 1 s. At the end in any case.
    ///
    /// More often costs more waiting for the disk, less often more work that is done again after a kill.
    pub fn commit_every(mut self, items: usize, wait: Duration) -> Self {
        self.commit_items = items.max(1);
        self.commit_every = wait;
        self
    }

    /// How many items may wait behind each node; see [`Runner::queue`](crate::Runner::queue).
    pub fn queue(mut self, items: usize) -> Self {
        self.queue = Some(items);
        self
    }

    /// Ends the job from elsewhere: `drain` finishes what was read and commits it, `cancel` commits what is done.
    #[must_use]
    pub fn handle(&self) -> RunHandle {
        self.handle.clone()
    }

    /// Keeps a file that tells how far the job is; if there is one, the job goes on from there. Killed at any point and
    /// started again, the output is complete and without duplicates: what was written after the last commit is taken
    /// away, and those items are done again.
    ///
    /// The results of an item are held in memory until it is done with, so that a commit never has half of them. Nodes
    /// that take several items together, [`window`](Pipeline::window) and `sliding_window`, cannot be resumed and are
    /// refused. When the job has ended, the file stays: running it again does nothing, or goes on with lines that were
    /// added.
    #[cfg(feature = "files")]
    pub fn checkpoint(mut self, path: impl Into<std::path::PathBuf>) -> Self
    where
        Src: crate::source::FromFile,
        Snk: crate::sink::IntoFile,
        D: crate::sink::IntoFile,
    {
        self.keeper = Some(Box::new(checkpoint::FileKeeper::new(path.into(), &self.pipeline.borrow().plan)));
        self
    }

    /// Runs the job until the source ends, or it is told to end.
    ///
    /// # Errors
    ///
    /// If an item fails and is not to be skipped, or if source, sink or checkpoint fail. What was committed before
    /// stays, and the error has the report so far.
    pub fn run(self) -> impl Future<Output = Result<JobReport, JobError>> + Send
    where
        P: Send,
    {
        running::run(self)
    }
}

/// Copies an input.
type KeepInput<In> = fn(&In) -> In;

/// Keeps account of a job, so that it can go on. Object-safe, so that jobs without one need no files.
pub(crate) trait Keeper<Src: Source, Snk, D>: Send {
    /// Brings source and sinks to where the last commit left them. It may block, for a moment.
    fn begin(&mut self, source: &mut Src, sink: &mut Snk, dead_letters: &mut D) -> Result<Begin, JobError>;

    /// An item is done with.
    fn done(&mut self, index: u64, receipt: &Src::Receipt);

    /// What to write, of what has been flushed; it may block.
    fn save(&self, sink: &Snk, dead_letters: &D) -> Box<dyn FnOnce() -> Result<(), JobError> + Send>;
}

/// Where a job begins.
#[derive(Debug, Default)]
pub(crate) struct Begin {
    /// The place of the first item.
    pub(crate) index: u64,
    /// Items behind it that are done: ranges in order, apart from each other.
    pub(crate) done: Vec<std::ops::Range<u64>>,
    /// Whether there was an account.
    pub(crate) resumed: bool,
}

impl Begin {
    fn is_done(&self, index: u64) -> bool {
        let behind = self.done.partition_point(|done| done.start <= index);
        behind.checked_sub(1).and_then(|place| self.done.get(place)).is_some_and(|done| done.contains(&index))
    }
}

impl<P, In, Out, S, Src: Source, Snk, D> fmt::Debug for Job<P, In, Out, S, Src, Snk, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("skips_failures", &self.skips_failures)
            .field("commit_items", &self.commit_items)
            .field("commit_every", &self.commit_every)
            .finish_non_exhaustive()
    }
}

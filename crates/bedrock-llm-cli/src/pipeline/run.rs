//! `bedrock-llm pipeline run`: a file through a pipeline.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, ensure};
use bedrock_llm::pipeline::job::{DeadLetter, Ended, Job, JobReport};
use bedrock_llm::pipeline::sink::{JsonLinesSink, Sink};
use bedrock_llm::pipeline::source::{JsonLines, Source};
use bedrock_llm::pipeline::{Pipeline, Progress, Stage};
use bedrock_llm_client::ClientConfig;
use serde_json::Value;

use crate::connect::Connection;
use crate::interrupt::{INTERRUPTED, on_interrupt};

/// Exit code: some lines failed.
const SOME_FAILED: u8 = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// TOML file that declares the pipeline.
    file: PathBuf,
    /// JSON lines to take through it: an object in each line.
    #[arg(short, long)]
    input: PathBuf,
    /// Where results go, as JSON lines. If it has something in it, its checkpoint must be there.
    #[arg(short, long)]
    output: PathBuf,
    /// Skip lines that fail, and write them here, with why. Without this, or --skip-failures, the first failure ends the run.
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
    /// Skip lines that fail.
    #[arg(long)]
    skip_failures: bool,
    /// What tells how far the run is, so that it can be continued [default: the output's name and `.checkpoint`]
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Begin anew: output, dead letters and checkpoint of a run before are removed.
    #[arg(long)]
    overwrite: bool,
    /// Show no progress.
    #[arg(short, long)]
    quiet: bool,
    /// TOML or JSON file with the client's settings; `BEDROCK_LLM_*` variables and flags override it
    /// [default: the one that `BEDROCK_LLM_CONFIG` names]
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Exit code 0 where every line went through, 2 where some failed, 130 where the user stopped it.
pub(super) async fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    // what is made up must not stay in somebody's files
    args.connection.only_as_told = true;
    let config = ClientConfig::load(args.config.as_deref())?;
    let connected = args.connection.open(&config).await?;
    let pipeline = super::load(&args.file, connected.client.clone())?;
    let outputs: Vec<&Path> = [Some(&args.output), args.dead_letters.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    for output in &outputs {
        let same = same_file::is_same_file(&args.input, output).unwrap_or(false);
        ensure!(!same, "{} is input and output", output.display());
    }
    let checkpoint = args.checkpoint();
    if args.overwrite {
        for path in outputs.iter().copied().chain([checkpoint.as_path()]) {
            remove(path)?;
        }
    }
    let input = JsonLines::<Value>::open(&args.input)?;
    let job = Job::new(&pipeline, input, JsonLinesSink::open(&args.output)?);
    let ended = if let Some(path) = &args.dead_letters {
        args.follow(job.dead_letters(JsonLinesSink::open(path)?).checkpoint(checkpoint), &pipeline).await
    } else if args.skip_failures {
        args.follow(job.skip_failures().checkpoint(checkpoint), &pipeline).await
    } else {
        args.follow(job.checkpoint(checkpoint), &pipeline).await
    };
    if !args.quiet {
        eprint!("\n{}", pipeline.stats());
    }
    ended
}

impl Args {
    fn checkpoint(&self) -> PathBuf {
        self.checkpoint.clone().unwrap_or_else(|| {
            let mut name = self.output.clone().into_os_string();
            name.push(".checkpoint");
            name.into()
        })
    }

    /// Runs a job, with its progress shown, until its end or Ctrl-C.
    async fn follow<P, S, Src, Snk, D>(
        &self,
        job: Job<P, Value, Value, S, Src, Snk, D>,
        pipeline: &Pipeline<Value, Value, S>,
    ) -> anyhow::Result<ExitCode>
    where
        P: Borrow<Pipeline<Value, Value, S>> + Send,
        S: Stage<Value, Value>,
        Src: Source<Item = Value>,
        Snk: Sink<Value>,
        D: Sink<DeadLetter<Value>>,
    {
        let progress = match self.quiet {
            true => None,
            false => Some(Progress::show(pipeline.stats_handle(), Some(count(&self.input)?))),
        };
        let handle = job.handle();
        let interrupted = on_interrupt(move || handle.drain());
        let ended = job.run().await;
        drop(progress);
        let report = ended.inspect_err(|error| {
            if let Some(report) = error.report() {
                say(report);
            }
        })?;
        say(&report);
        if report.ended != Ended::Complete {
            eprintln!("Started again, it continues.");
        }
        Ok(match (interrupted.load(Ordering::Relaxed), report.failed > 0) {
            (true, _) => ExitCode::from(INTERRUPTED),
            (false, true) => ExitCode::from(SOME_FAILED),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// What was done, and the first failures.
fn say(report: &JobReport) {
    if let Some(index) = report.resumed_at {
        let more = if report.read == 0 { "; there was nothing to do" } else { "" };
        eprintln!("Continued after {index} lines of the input{more}.");
    }
    let JobReport { read, written, failed, .. } = report;
    eprintln!("{read} lines read, {written} results written, {failed} failed.");
    for failure in &report.failures {
        eprintln!("  {failure}: {}", failure.cause());
    }
}

/// How many lines there are.
fn count(path: &Path) -> anyhow::Result<u64> {
    let lines = || {
        let mut reader = BufReader::new(File::open(path)?);
        let (mut line, mut count) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut line)? > 0 {
            count += u64::from(!line.trim_ascii().is_empty());
            line.clear();
        }
        Ok::<u64, io::Error>(count)
    };
    lines().with_context(|| format!("cannot read {}", path.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

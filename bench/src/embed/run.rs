//! One run over so many texts.

use std::hint::black_box;
use std::time::Instant;

use anyhow::ensure;
use bedrock_llm_client::Client;
use bedrock_llm_embeddings::Embedder;
use cpu_time::ProcessTime;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};

#[derive(clap::Subcommand)]
pub(super) enum Job {
    /// One run, for `embed` to start.
    #[command(hide = true)]
    Once(Once),
}

#[derive(clap::Args)]
pub(super) struct Once {
    #[arg(long)]
    endpoint: String,
    #[arg(long)]
    model: Model,
    #[arg(long)]
    texts: u32,
    #[arg(long)]
    concurrency: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Model {
    #[value(name = "amazon.titan-embed-text-v2:0")]
    Titan,
    #[value(name = "cohere.embed-v4:0")]
    Cohere,
}

impl Model {
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Titan => "amazon.titan-embed-text-v2:0",
            Self::Cohere => "cohere.embed-v4:0",
        }
    }

    fn dimensions(self) -> usize {
        match self {
            Self::Titan => 1024,
            Self::Cohere => 1536,
        }
    }
}

/// What a run took.
#[derive(Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) seconds: f64,
    pub(super) cpu_micros: f64,
    pub(super) calls: u64,
    /// The most memory that was resident; `None` where the system does not tell.
    pub(super) peak_kib: Option<u64>,
}

impl Once {
    /// Texts are made as they are taken, and vectors dropped as they come.
    pub(super) async fn run(&self) -> anyhow::Result<Outcome> {
        let client = Client::builder()
            .region("us-east-1")
            .credentials("AKIALOCAL", "local", None)
            .endpoint_url(&self.endpoint)
            .build()
            .await?;
        let embedder = Embedder::builder(client, self.model.id()).concurrency(self.concurrency).build()?;
        let texts = stream::iter((0..self.texts).map(text));
        let (start, cpu) = (Instant::now(), ProcessTime::now());
        let mut chunks = embedder.embed_stream(texts);
        let (mut vectors, mut calls) = (0, 0);
        while let Some(chunk) = chunks.next().await {
            let embeddings = black_box(chunk?);
            calls += embeddings.usage().calls;
            ensure!(embeddings.dimensions() == self.model.dimensions(), "vectors are too short");
            vectors += embeddings.len();
        }
        ensure!(vectors == self.texts as usize, "{vectors} vectors came for {} texts", self.texts);
        Ok(Outcome {
            seconds: start.elapsed().as_secs_f64(),
            cpu_micros: cpu.elapsed().as_nanos() as f64 / 1000.0,
            calls,
            peak_kib: peak_kib()?,
        })
    }
}

/// Some 120 characters, no two alike.
fn text(number: u32) -> String {
    format!(
        "Note {number}: the moons of Mars are Phobos and Deimos; the smaller one rises {} times in a week, the larger {}.",
        number % 7,
        number % 19
    )
}

/// The most memory this process had, as Linux counts.
fn peak_kib() -> anyhow::Result<Option<u64>> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return Ok(None) };
    let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { return Ok(None) };
    Ok(Some(line.trim().trim_end_matches(" kB").parse()?))
}

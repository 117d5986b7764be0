//! Embedding many texts by `embed_stream`: how many a second, what CPU each takes, and that memory does not grow with them.
//! And decoding one body, beside `serde_json`'s parsing of the same bytes.
//!
//! The stub answers from another process, after [`LATENCY`], so that neither its work nor its memory counts. Every number of
//! texts is embedded in a process of its own, since the most memory a process ever had is all that the system tells.

pub(crate) mod answers;
mod decode;
mod run;

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::stub::{LATENCY, Stub};
use run::{Job, Model, Outcome};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many texts. Memory is measured at a tenth and three tenths of them too.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..))]
    texts: u32,
    /// How many calls are under way at once.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// Rounds of decoding for each of the two.
    #[arg(long, default_value_t = 51)]
    rounds: u32,
    /// Decodes, and embeds nothing.
    #[arg(long)]
    only_decode: bool,
    /// Embeds once in this process, and prints what it took.
    #[command(subcommand)]
    job: Option<Job>,
}

/// How much more memory ten times as many texts may take.
const GROWTH: f64 = 1.15;

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(Job::Once(once)) = &args.job {
        println!("{}", serde_json::to_string(&once.run().await?)?);
        return Ok(());
    }
    let mut missed = Vec::new();
    if !decode::run(args.rounds)? {
        missed.push("decoding");
    }
    if !args.only_decode && !throughput(args)? {
        missed.push("memory");
    }
    ensure!(missed.is_empty(), "bars missed: {}", missed.join(", "));
    Ok(())
}

/// Prints what each model took for each number of texts, and says whether memory stayed flat.
fn throughput(args: &Args) -> anyhow::Result<bool> {
    let stub = Stub::start()?;
    println!(
        "embed_stream, {} calls at once, {LATENCY:?} latency; CPU (user + system) of the client's process",
        args.concurrency
    );
    println!(
        "{:<26}{:>9}{:>8}{:>10}{:>10}{:>13}{:>11}",
        "model", "texts", "calls", "texts/s", "seconds", "CPU/text µs", "peak MiB"
    );
    let mut is_flat = true;
    for model in [Model::Titan, Model::Cohere] {
        let mut peaks = Vec::new();
        for texts in [args.texts / 10, args.texts / 10 * 3, args.texts] {
            let outcome = elsewhere(args, &stub, model, texts)?;
            let Outcome { seconds, cpu_micros, calls, peak_kib } = outcome;
            println!(
                "{:<26}{texts:>9}{calls:>8}{:>10.0}{seconds:>10.2}{:>13.2}{:>11}",
                model.id(),
                f64::from(texts) / seconds,
                cpu_micros / f64::from(texts),
                peak_kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0)),
            );
            peaks.extend(peak_kib);
        }
        if let (Some(first), Some(last)) = (peaks.first(), peaks.last()) {
            let growth = *last as f64 / *first as f64;
            let passed = growth <= GROWTH;
            is_flat &= passed;
            println!(
                "{:<26}peak memory at {} over that at {}: {growth:.2} (bar: {GROWTH:.2}) {}",
                model.id(),
                args.texts,
                args.texts / 10,
                verdict(passed)
            );
        } else {
            println!("{:<26}peak memory is not known here: there is no /proc/self/status", model.id());
        }
    }
    Ok(is_flat)
}

/// In a process of its own.
fn elsewhere(args: &Args, stub: &Stub, model: Model, texts: u32) -> anyhow::Result<Outcome> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["embed", "once", "--endpoint", stub.endpoint(), "--model", model.id()]);
    command.args(["--texts", &texts.to_string(), "--concurrency", &args.concurrency.to_string()]);
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "embedding {texts} texts failed");
    serde_json::from_slice(&output.stdout).context("what it took was not said")
}

fn verdict(passed: bool) -> &'static str {
    if passed { "pass" } else { "FAIL" }
}

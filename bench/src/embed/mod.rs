//! Embedding many texts by `embed_stream`: how many a second, what CPU each takes, and that memory does not grow with them.
//! And decoding one body, beside `serde_json`'s parsing of the same bytes.
//!
//! The stub answers with ready bodies, from another process and after [`LATENCY`], so that neither its work nor its memory
//! counts. The local endpoint computes its vectors: where client and endpoint share two cores, texts a
//! second would be bounded by the endpoint's CPU too. `--local` asks it all the same, with the same latency by a fault plan.
//!
//! Every number of texts is embedded in a process of its own, since the most memory a process ever had is all that the system
//! tells. Linux tells it in `/proc`; elsewhere the bar for memory is not measured, which is said and is not passing.

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
    #[arg(long, conflicts_with = "local")]
    only_decode: bool,
    /// Asks the local endpoint instead of the stub. Its CPU is that of the machine too, so texts a second are fewer.
    #[arg(long)]
    local: bool,
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
    let mut bars = vec![("decoding", decode::run(args.rounds)?)];
    if !args.only_decode {
        bars.push(("memory", throughput(args)?));
    }
    let of = |wanted: Bar| {
        let names = bars.iter().filter(|(_, bar)| *bar == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    let (missed, not_measured) = (of(Bar::Missed), of(Bar::NotMeasured));
    if !not_measured.is_empty() {
        println!("bars not measured: {not_measured}");
    }
    ensure!(missed.is_empty(), "bars missed: {missed}");
    Ok(())
}

/// What became of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bar {
    Passed,
    /// The system does not tell.
    NotMeasured,
    Missed,
}

impl Bar {
    fn shown(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::NotMeasured => "not measured",
            Self::Missed => "FAIL",
        }
    }
}

/// How much the most memory grew from the fewest texts to the most; `None` unless every run told.
fn growth(peaks: &[Option<u64>]) -> Option<f64> {
    let peaks = peaks.iter().copied().collect::<Option<Vec<_>>>()?;
    Some(*peaks.last()? as f64 / *peaks.first()? as f64)
}

/// What a growth is worth.
fn memory_bar(growth: Option<f64>) -> Bar {
    match growth {
        None => Bar::NotMeasured,
        Some(growth) if growth <= GROWTH => Bar::Passed,
        Some(_) => Bar::Missed,
    }
}

/// Prints what each model took for each number of texts, and says whether memory stayed flat with both.
fn throughput(args: &Args) -> anyhow::Result<Bar> {
    let stub = if args.local { Stub::local()? } else { Stub::start()? };
    println!(
        "embed_stream against the {}, {} calls at once, {LATENCY:?} latency; CPU (user + system) of the client's process",
        if args.local { "local endpoint" } else { "stub" },
        args.concurrency
    );
    println!(
        "{:<30}{:>9}{:>8}{:>10}{:>10}{:>13}{:>11}",
        "model", "texts", "calls", "texts/s", "seconds", "CPU/text µs", "peak MiB"
    );
    let mut worst = Bar::Passed;
    for model in [Model::Titan, Model::Cohere] {
        let mut peaks = Vec::new();
        for texts in [args.texts / 10, args.texts / 10 * 3, args.texts] {
            let outcome = elsewhere(args, &stub, model, texts)?;
            let Outcome { seconds, cpu_micros, calls, peak_kib } = outcome;
            println!(
                "{:<30}{texts:>9}{calls:>8}{:>10.0}{seconds:>10.2}{:>13.2}{:>11}",
                model.id(),
                f64::from(texts) / seconds,
                cpu_micros / f64::from(texts),
                peak_kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0)),
            );
            peaks.push(peak_kib);
        }
        let growth = growth(&peaks);
        let bar = memory_bar(growth);
        worst = worst.max(bar);
        println!(
            "{:<30}peak memory at {} over that at {}: {} (bar: {GROWTH:.2}) {}",
            model.id(),
            args.texts,
            args.texts / 10,
            growth.map_or_else(
                || "unknown, for there is no VmHWM in /proc/self/status".to_owned(),
                |growth| format!("{growth:.2}")
            ),
            bar.shown()
        );
    }
    Ok(worst)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_has_not_passed() {
        assert_eq!(memory_bar(growth(&[Some(100), Some(90), Some(110)])), Bar::Passed);
        assert_eq!(memory_bar(growth(&[Some(100), Some(90), Some(120)])), Bar::Missed);
        for peaks in [&[None, Some(90), Some(100)][..], &[Some(100), None, None], &[]] {
            assert_eq!(memory_bar(growth(peaks)), Bar::NotMeasured);
        }
        assert_eq!(Bar::Passed.max(Bar::NotMeasured).max(Bar::Missed), Bar::Missed);
        assert_eq!(Bar::Passed.max(Bar::NotMeasured), Bar::NotMeasured);
    }
}

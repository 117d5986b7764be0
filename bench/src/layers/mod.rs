//! What each layer costs a call, and the default stack over the bare client.
//!
//! Everything runs in one process and no socket is touched: a layer alone stands on a service that answers at once, and
//! the clients on an HTTP client that does. What a layer costs is what its subject costs beyond the one it stands on.

mod callgrind;
pub(crate) mod http;
mod subjects;

use std::future::Future;
use std::pin::Pin;

use anyhow::{Context as _, ensure};
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::measure::Rounds;
use subjects::{SUBJECTS, Subject};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds for each subject.
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Calls in a round.
    #[arg(long, default_value_t = 2_000)]
    calls: u32,
    /// Leaves instructions uncounted, which takes valgrind and a minute.
    #[arg(long)]
    no_callgrind: bool,
    /// Runs one subject and prints nothing, for callgrind to count.
    #[arg(long, hide = true)]
    subject: Option<String>,
}

/// Makes calls of one kind, one at a time.
type Caller = Box<dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>>>>>;

/// Characters of the question that is asked, and of the one that shows what grows with it.
const SHORT: usize = 500;
const LONG: usize = 1 << 20;

/// What one subject was measured to cost a call.
struct Cost {
    micros: f64,
    instructions: Option<i64>,
    allocations: usize,
    bytes: usize,
    /// Bytes allocated beyond those of a short request, for each byte that a request is longer.
    growth: f64,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(name) = &args.subject {
        return repeat(&*find(name)?.caller(SHORT).await?, args.calls).await;
    }
    ensure!(
        cfg!(feature = "__count-allocations"),
        "allocations are not counted: run `cargo xtask bench layers`, which builds with `__count-allocations`"
    );
    let counts = !args.no_callgrind && callgrind::is_there();
    let mut rounds: Vec<Rounds> = SUBJECTS.iter().map(|_| Rounds::default()).collect();
    let mut callers = Vec::new();
    for subject in SUBJECTS {
        callers.push(subject.caller(SHORT).await?);
    }
    for round in 0..=args.rounds {
        for (caller, rounds) in callers.iter().zip(&mut rounds) {
            let mut spare = Rounds::default();
            // one round to warm up
            let kept = if round == 0 { &mut spare } else { rounds };
            kept.measure(args.calls, repeat(&**caller, args.calls)).await?;
        }
    }
    let mut costs = Vec::new();
    for ((subject, rounds), caller) in SUBJECTS.iter().zip(&rounds).zip(&callers) {
        let (allocations, bytes) = allocated(&**caller).await?;
        let (_, long) = allocated(&*subject.caller(LONG).await?).await?;
        let instructions = if counts { Some(callgrind::per_call(subject.name)?) } else { None };
        let micros = rounds.median().as_nanos() as f64 / 1000.0;
        let growth = (long as f64 - bytes as f64) / (LONG - SHORT) as f64;
        costs.push(Cost { micros, instructions, allocations, bytes, growth });
    }
    report(args, &costs, counts)
}

fn report(args: &Args, costs: &[Cost], counts: bool) -> anyhow::Result<()> {
    println!(
        "CPU time (user + system) per call, median of {} rounds of {} calls; what it is beyond: what it stands on",
        args.rounds, args.calls
    );
    if !counts {
        println!("instructions are not counted: valgrind is not there, or was not wanted");
    }
    println!(
        "{:<18}{:>10}{:>12}{:>14}{:>8}{:>9}{:>9}  stands on",
        "subject", "µs", "µs beyond", "instructions", "allocs", "bytes", "growth"
    );
    let mut missed = Vec::new();
    for (subject, cost) in SUBJECTS.iter().zip(costs) {
        let base =
            SUBJECTS.iter().position(|other| Some(other.name) == subject.on).and_then(|at| costs.get(at));
        let zero = Cost { micros: 0.0, instructions: Some(0), allocations: 0, bytes: 0, growth: 0.0 };
        let under = base.unwrap_or(&zero);
        let beyond = cost.micros - under.micros;
        let instructions = cost.instructions.zip(under.instructions).map(|(all, under)| all - under);
        println!(
            "{:<18}{:>10.3}{beyond:>12.3}{:>14}{:>8}{:>9}{:>9.3}  {}",
            subject.name,
            cost.micros,
            instructions.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            cost.allocations as i64 - under.allocations as i64,
            cost.bytes as i64 - under.bytes as i64,
            cost.growth - under.growth,
            subject.on.unwrap_or("-"),
        );
        if let Some(bar) = subject.bar.filter(|bar| beyond > *bar) {
            missed.push(format!("{}: {beyond:.2} µs, bar {bar} µs", subject.name));
        }
        if !subject.may_grow && cost.growth - under.growth > 0.01 {
            missed.push(format!("{}: allocates in proportion to the request", subject.name));
        }
    }
    for bar in SUBJECTS.iter().filter_map(|subject| Some((subject.name, subject.bar?))) {
        println!("bar: {} at most {} µs", bar.0, bar.1);
    }
    ensure!(missed.is_empty(), "bars missed: {}", missed.join("; "));
    Ok(())
}

fn find(name: &str) -> anyhow::Result<&'static Subject> {
    SUBJECTS.iter().find(|subject| subject.name == name).with_context(|| format!("no subject {name}"))
}

async fn repeat(
    caller: &dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>>>>,
    calls: u32,
) -> anyhow::Result<()> {
    for _ in 0..calls {
        caller().await?;
    }
    Ok(())
}

/// How often a call allocates and how much, the third time it is made.
async fn allocated(
    caller: &dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>>>>,
) -> anyhow::Result<(usize, usize)> {
    repeat(caller, 2).await?;
    let call = caller();
    let region = Region::new(ALLOCATOR);
    call.await?;
    let change = region.change();
    Ok((change.allocations + change.reallocations, change.bytes_allocated))
}

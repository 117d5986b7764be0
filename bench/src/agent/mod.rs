//! What an agent's loop costs for each answer of the model: CPU time (user + system) per iteration, three tools called in each
//! but the last of a run.
//!
//! The model is an HTTP client that answers at once, below the default client and the SDK: no socket is touched, and what the
//! two cost is counted with the loop. What the same calls cost without an agent is measured beside it, so that the loop's own
//! share can be told. Bars are for the whole.
//!
//! And what memories cost for each turn of a conversation of 10 000.

mod memory;
mod model;

use std::path::PathBuf;

use anyhow::ensure;
use bedrock_llm_agent::agent::AgentBuilder;
use bedrock_llm_agent::run::AgentStop;
use bedrock_llm_agent::store::{MemoryStore, SqliteStore};
use bedrock_llm_agent::{Agent, AgentResponse, ToolResult, tool_fn};
use bedrock_llm_client::Client;
use bedrock_llm_schema::ChatRequest;

use crate::layers::http::sdk_with;
use crate::measure::Rounds;
use model::{ITERATIONS, MODEL, Pair, answers};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds for each subject.
    #[arg(long, default_value_t = 21)]
    rounds: u32,
    /// Runs of the agent in a round.
    #[arg(long, default_value_t = 10)]
    runs: u32,
    /// Folder for the database [default: a new one among temporary files, removed at the end]
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Something that is measured, and the most it may cost an iteration.
struct Subject {
    name: &'static str,
    bar: Option<f64>,
    what: What,
}

enum What {
    Agent(Agent),
    /// The same, each run in a session of its own, so that none pays for those before it.
    Sessions(Agent),
    /// The requests of a run, sent without an agent.
    Client(Client, Vec<ChatRequest>),
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = args.folder.as_deref().unwrap_or(temporary.path());
    let on_disk = SqliteStore::open(folder.join("bench-agent.db"))?;
    let subjects = [
        Subject { name: "the client alone", bar: None, what: alone().await? },
        Subject { name: "without a store", bar: Some(1000.0), what: What::Agent(agent().await?.build()?) },
        Subject {
            name: "MemoryStore",
            bar: None,
            what: What::Sessions(agent().await?.store(MemoryStore::new()).build()?),
        },
        Subject {
            name: "SqliteStore on disk",
            bar: Some(3000.0),
            what: What::Sessions(agent().await?.store(on_disk).build()?),
        },
    ];
    let mut rounds: Vec<Rounds> = subjects.iter().map(|_| Rounds::default()).collect();
    let iterations = args.runs * u32::try_from(ITERATIONS)?;
    for round in 0..=args.rounds {
        for (subject, rounds) in subjects.iter().zip(&mut rounds) {
            let mut spare = Rounds::default();
            // one round to warm up
            let kept = if round == 0 { &mut spare } else { rounds };
            kept.measure(iterations, subject.what.repeat(round, args.runs)).await?;
        }
    }
    println!(
        "{ITERATIONS} answers a run, 3 tool calls in each but the last; {} rounds of {} runs; database in {}",
        args.rounds,
        args.runs,
        folder.display()
    );
    println!("{:<22}{:>12}{:>10}{:>10}{:>10}", "CPU µs an iteration", "median", "25 %", "75 %", "bar");
    let mut missed = Vec::new();
    for (subject, rounds) in subjects.iter().zip(&rounds) {
        let micros = |share| rounds.quantile(share).as_nanos() as f64 / 1000.0;
        let median = micros(0.5);
        let verdict = match subject.bar {
            None => "-".to_owned(),
            Some(bar) if median <= bar => format!("{bar:.0} pass"),
            Some(bar) => {
                missed.push(subject.name);
                format!("{bar:.0} FAIL")
            }
        };
        println!(
            "{:<22}{median:>12.1}{:>10.1}{:>10.1}{verdict:>10}",
            subject.name,
            micros(0.25),
            micros(0.75)
        );
    }
    missed.extend(memory::run().await?);
    ensure!(missed.is_empty(), "bars missed: {}", missed.join(", "));
    Ok(())
}

/// An agent with three tools. Its own settings are the defaults.
async fn agent() -> anyhow::Result<AgentBuilder> {
    let client = Client::builder().sdk_client(sdk_with(&answers())?).build().await?;
    let add = tool_fn("add", "Adds.", |pair: Pair, _| async move { ToolResult::Ok(pair.a + pair.b) });
    let less = tool_fn("less", "Subtracts.", |pair: Pair, _| async move { ToolResult::Ok(pair.a - pair.b) });
    let times =
        tool_fn("times", "Multiplies.", |pair: Pair, _| async move { ToolResult::Ok(pair.a * pair.b) });
    Ok(Agent::builder(client).model(MODEL).system("You reckon.").tool(add).tool(less).tool(times))
}

/// The calls that a run makes of its client, by themselves.
async fn alone() -> anyhow::Result<What> {
    let agent = agent().await?.build()?;
    let response = finished(agent.run(model::QUESTION).await?)?;
    let turns = response.run.conversation().messages();
    let request = |said: usize| {
        let mut request = ChatRequest::new(MODEL).system("You reckon.");
        request.tool_config = agent.tools().config();
        request.messages = turns.iter().take(said).cloned().collect();
        request
    };
    let client = Client::builder().sdk_client(sdk_with(&answers())?).build().await?;
    Ok(What::Client(client, (0..ITERATIONS).map(|answers| request(answers * 2 + 1)).collect()))
}

impl What {
    async fn repeat(&self, round: u32, runs: u32) -> anyhow::Result<()> {
        for run in 0..runs {
            match self {
                Self::Sessions(agent) => {
                    finished(agent.session(format!("{round}-{run}")).run(model::QUESTION).await?)?;
                }
                Self::Agent(agent) => {
                    finished(agent.run(model::QUESTION).await?)?;
                }
                Self::Client(client, requests) => {
                    for request in requests {
                        client.chat(request.clone()).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A run that did what is measured.
fn finished(response: AgentResponse) -> anyhow::Result<AgentResponse> {
    let (iterations, calls) = (response.iterations as usize, response.tool_calls.len());
    ensure!(
        response.stop == AgentStop::EndTurn && iterations == ITERATIONS && calls == (ITERATIONS - 1) * 3,
        "a run of {iterations} answers and {calls} calls ended with {:?}",
        response.stop
    );
    Ok(response)
}

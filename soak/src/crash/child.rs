//! The process that is killed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bedrock_llm_agent::agent::Resume;
use bedrock_llm_agent::store::SqliteStore;
use bedrock_llm_agent::{Agent, Context, Data, Tool, ToolExt as _, ToolResult, tool_fn, tool_fn_blocking};
use bedrock_llm_client::Client;
use bedrock_llm_schema::Role;

use super::SESSION;
use super::acks::{Acknowledging, lines};

/// What the child says once it has begun.
pub(super) const AT_WORK: &str = "at work";

#[derive(clap::Subcommand)]
pub(crate) enum Job {
    /// The process that is killed, for `crash` to start.
    #[command(hide = true)]
    Child(ChildArgs),
}

#[derive(clap::Args)]
pub(crate) struct ChildArgs {
    #[arg(long)]
    endpoint: String,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    seed: u64,
    /// Ends after so many runs of the session; without, it goes on until it is killed.
    #[arg(long)]
    until: Option<usize>,
}

/// Where things are in the folder.
pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("sessions.db")
}

pub(super) fn acks(folder: &Path) -> PathBuf {
    folder.join("acks")
}

pub(super) fn effects(folder: &Path) -> PathBuf {
    folder.join("effects")
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Round {
    round: u64,
}

/// The number of the run, which its tools write down.
struct RunNumber(usize);

/// What tools did, a line each: the run, the call's id, the tool.
struct Effects {
    file: File,
    seed: u64,
}

impl Effects {
    /// Writes down that a tool took effect. How long it goes on working is given back.
    fn note(&self, context: &Context, round: u64) -> ToolResult<Duration> {
        let run = context.data::<RunNumber>().map_or(0, |run| run.0);
        let line = format!("{run} {} {}\n", context.tool_use_id(), context.tool());
        (&self.file).write_all(line.as_bytes()).map_err(bedrock_llm_agent::ToolError::from_error)?;
        println!("effect");
        let mut random = fastrand::Rng::with_seed(self.seed ^ (run as u64) << 8 ^ round);
        Ok(Duration::from_micros(random.u64(..8000)))
    }
}

impl ChildArgs {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let agent = self.agent().await?;
        let mut is_begun = false;
        loop {
            let session = agent.store().load(SESSION).await?;
            if !is_begun {
                println!("{AT_WORK}");
                is_begun = true;
            }
            let open = session.as_ref().is_some_and(|session| session.progress.is_some());
            let turns = session.iter().flat_map(|session| session.conversation.messages());
            let asked =
                turns.filter(|turn| turn.role == Role::User && turn.tool_results().next().is_none()).count();
            if !open && self.until.is_some_and(|until| asked >= until) {
                return Ok(());
            }
            let run = if open { asked } else { asked + 1 };
            let agent = agent.with_data(Data::new().with(RunNumber(run)));
            if open {
                agent.run(Resume::session()).await.context("going on")?;
            } else {
                agent.run(format!("Pay bill {run}.")).await.context("a new run")?;
            }
        }
    }

    async fn agent(&self) -> anyhow::Result<Agent> {
        let client = Client::builder()
            .region("us-east-1")
            .credentials("AKIALOCAL", "local", None)
            .endpoint_url(&self.endpoint)
            .build()
            .await?;
        let effects = Arc::new(Effects { file: lines(&effects(&self.folder))?, seed: self.seed });
        let store = SqliteStore::open(database(&self.folder))?;
        Ok(Agent::builder(client)
            .model("us.amazon.nova-lite-v1:0")
            .tool(writing("charge", &effects).idempotent(false))
            .tool(writing("look", &effects).idempotent(true))
            .tool(blocking("charge_off", &effects).idempotent(false))
            .store(Acknowledging::new(store, &acks(&self.folder))?)
            .session(SESSION)
            .build()?)
    }
}

fn writing(name: &str, effects: &Arc<Effects>) -> impl Tool + use<> {
    let effects = Arc::clone(effects);
    tool_fn(name, "Takes effect, then works on.", move |input: Round, context: Context| {
        let effects = Arc::clone(&effects);
        async move {
            tokio::time::sleep(effects.note(&context, input.round)?).await;
            ToolResult::Ok("done")
        }
    })
}

fn blocking(name: &str, effects: &Arc<Effects>) -> impl Tool + use<> {
    let effects = Arc::clone(effects);
    tool_fn_blocking(name, "Takes effect, then works on.", move |input: Round, context: Context| {
        std::thread::sleep(effects.note(&context, input.round)?);
        ToolResult::Ok("done")
    })
}

//! `bedrock-llm agent`: a model works with tools until it has answered.

mod ask;
mod event;
mod limits;
mod run;
mod shorten;
mod show;
mod talk;
pub(crate) mod tools;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bedrock_llm_agent::agent::{AgentInput, Resume};
use bedrock_llm_agent::run::AgentStop;
use bedrock_llm_agent::store::StateStore as _;
use bedrock_llm_agent::{Agent, AgentResponse};
use tokio::sync::Notify;

use crate::connect::Connection;
use crate::interrupt::INTERRUPTED;
use crate::prompt;
use crate::settings::Settings;
use crate::store::Place;
use limits::{Limits, Remembered};
pub(crate) use run::run as run_agent;
pub(crate) use shorten::shorten;
pub(crate) use show::{Form, Show, result_in_words, waits};
use tools::{AskToWrite, BuiltIn};

/// Exit code: the run was stopped before the model had answered.
const STOPPED: u8 = 2;

/// Exit code: calls wait for a word.
const WAITS: u8 = 3;

#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 the model has answered, 1 an error, 2 stopped by a limit or a filter, 3 calls wait \
    for --approve or --deny, 130 Ctrl-C."
)]
pub(crate) struct Args {
    /// What to do. Without it a conversation begins, or standard input is the task if it is no terminal.
    #[arg(conflicts_with = "resume")]
    prompt: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// Tools the model may call, separated by commas.
    #[arg(short, long, value_enum, value_delimiter = ',', value_name = "NAME")]
    tools: Vec<BuiltIn>,
    /// Say which tools there are.
    #[arg(long, exclusive = true)]
    list_tools: bool,
    /// The folder in which `files` works. Nothing outside of it is read or written.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
    /// Let files be written without asking.
    #[arg(short, long)]
    yes: bool,
    /// Keep what is said and done under this name, and go on from there the next time.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Go on with the run that the session has open: one that was stopped by an error, or waits.
    #[arg(long, requires = "session")]
    resume: bool,
    /// Let a call be run that waits, by its id, and go on; may be repeated.
    #[arg(long, value_name = "ID", requires = "session", conflicts_with = "prompt")]
    approve: Vec<String>,
    /// Do not let a call be run that waits, tell the model why, and go on; may be repeated.
    #[arg(long, value_name = "ID[=REASON]", requires = "session", conflicts_with = "prompt")]
    deny: Vec<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    memory: Remembered,
    /// Print what happens as JSON, an event a line, instead of the answer's text.
    #[arg(long)]
    json: bool,
    /// Print the answer alone.
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What is to be done first.
enum Begin {
    Say(String),
    Resume(Resume),
    Talk,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.list_tools {
        return tools::list().map(|()| ExitCode::SUCCESS);
    }
    let config = args.settings.load()?;
    let begin = args.begin()?;
    let tools = tools::registry(&args.tools, &args.root)?;
    let form = match () {
        () if args.json => Form::Json,
        () if args.quiet => Form::Quiet,
        () => Form::Words,
    };
    // whoever reads events cannot be asked between them
    let is_asked = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !args.json;
    let store = args.session.as_ref().map(|_| args.place.open()).transpose()?;
    let connected = args.connection.open(&config).await?;

    let request = config.model.request();
    let model = request.model.clone();
    let stop = Arc::new(Notify::new());
    let mut builder = Agent::builder(connected.client.clone())
        .request(request)
        .tools(tools)
        .streaming(config.model.streaming.unwrap_or(true));
    builder = args.memory.put_into(args.limits.put_into(builder));
    if !args.yes {
        // whoever is asked later sees where that was
        let root = std::fs::canonicalize(&args.root).unwrap_or_else(|_| args.root.clone());
        builder = builder.hook(AskToWrite { root });
    }
    if is_asked {
        builder = builder.approve_with(ask::at_the_terminal(Arc::clone(&stop)));
    }
    if let (Some(session), Some(store)) = (&args.session, store) {
        let open = store.load(session).await?.is_some_and(|session| session.progress.is_some());
        if open && !matches!(begin, Begin::Resume(_)) {
            eprintln!("The session has a run open; what is said now ends it. --resume goes on with it.");
        }
        builder = builder.store(store).session(session.as_str());
    }
    let agent = builder.build()?;
    let mut show = Show::new(form, model.as_str()).asking(is_asked && !args.yes);
    let ended = match begin {
        Begin::Say(prompt) => run_agent(&agent, prompt.into(), &mut show, &stop).await,
        Begin::Resume(resume) => run_agent(&agent, AgentInput::Resume(resume), &mut show, &stop).await,
        Begin::Talk => {
            // without a session of its own the conversation lasts as long as the process
            let agent = if args.session.is_some() { agent } else { agent.session("conversation") };
            let to =
                if connected.is_local() { format!("{model} (local endpoint)") } else { model.to_string() };
            return talk::talk(&agent, &to, &mut show, &stop).await.map(|()| ExitCode::SUCCESS);
        }
    };
    match ended {
        Ok(response) => Ok(args.end(&response)),
        Err(error) => {
            show.failed(&error)?;
            if args.session.is_some() {
                eprintln!(
                    "What was done is kept; the same options with --resume instead of the task go on with it."
                );
            }
            Err(error)
        }
    }
}

impl Args {
    fn begin(&self) -> anyhow::Result<Begin> {
        if !self.resume && self.approve.is_empty() && self.deny.is_empty() {
            return Ok(prompt::of(self.prompt.as_deref())?.map_or(Begin::Talk, Begin::Say));
        }
        let mut resume = Resume::session();
        for id in &self.approve {
            resume = resume.allow(id.as_str());
        }
        for word in &self.deny {
            let (id, reason) = word.split_once('=').unwrap_or((word, "the user said no"));
            anyhow::ensure!(
                !self.approve.iter().any(|other| other == id),
                "{id} is both approved and denied"
            );
            resume = resume.deny(id, reason);
        }
        Ok(Begin::Resume(resume))
    }

    /// The exit code, and how to go on where that is possible.
    fn end(&self, response: &AgentResponse) -> ExitCode {
        match &response.stop {
            AgentStop::EndTurn | AgentStop::StopSequence | AgentStop::Tool(_) => ExitCode::SUCCESS,
            AgentStop::Cancelled => ExitCode::from(INTERRUPTED),
            AgentStop::Suspended => {
                match &self.session {
                    Some(_) => eprintln!(
                        "The run waits. To go on, give the same options, with --approve ID or --deny ID instead of the task."
                    ),
                    None => eprintln!(
                        "Nobody can be asked here, and nothing was kept: give --yes, or --session NAME to go on later."
                    ),
                }
                ExitCode::from(WAITS)
            }
            _ => ExitCode::from(STOPPED),
        }
    }
}

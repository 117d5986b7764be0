//! `bedrock-llm batch`: a file of requests becomes a file of answers.

mod input;
mod line;
mod output;
mod tally;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context as _, ensure};
use bedrock_llm_client::batch::concerns_every_call;
use bedrock_llm_client::{BatchItem, Client, ClientConfig};
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::{ChatRequest, ChatResponse, ModelId};
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};

use crate::connect::{ApiChoice, Connection};
use crate::interrupt::{INTERRUPTED, on_interrupt};
use crate::print;
use crate::show::{EVERY, Show};
use input::{Entry, Input, Rules};
use line::Task;
use output::Output;
use tally::Tally;

/// Exit code: some requests failed.
const SOME_FAILED: u8 = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Requests, one a line: Converse JSON with `modelId`, or `{"id", "model", "prompt"}`; - reads standard input.
    input: PathBuf,
    /// Where outcomes go, one a line. What it has already is not asked again.
    output: PathBuf,
    /// How many requests are under way at once.
    #[arg(short, long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: u32,
    /// The model for lines that name none.
    #[arg(short, long)]
    model: Option<ModelId>,
    /// The most tokens an answer may have, for lines that do not say.
    #[arg(long)]
    max_tokens: Option<u32>,
    /// TOML or JSON file with model, parameters and the client's settings; `BEDROCK_LLM_*` variables and flags override it
    /// [default: the one that `BEDROCK_LLM_CONFIG` names]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Ask again what failed for good before, too. What failed for now (throttled, timed out, …) always is.
    #[arg(long)]
    retry_errors: bool,
    #[command(flatten)]
    api: ApiChoice,
    #[command(flatten)]
    connection: Connection,
}

/// Exit code 0 where every line has its answer, 2 where some failed, 130 where the user stopped it.
pub(crate) async fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    ensure!(args.output != Path::new("-"), "the output is a file, since it is read to continue");
    if args.input.exists() && args.output.exists() {
        ensure!(!same_file::is_same_file(&args.input, &args.output)?, "input and output are one file");
    }
    let config = args.config()?;
    let input = Input::open(&args.input)?;
    // answers that nobody asked for would stay in the output for good
    args.connection.only_as_told = true;
    let connected = args.connection.open(&config).await?;
    let (output, before) = Output::open(&args.output)?;
    let show = Show::new(input.total)?;
    let (defaults, retry_errors) = (config.model, args.retry_errors);
    let rules = Rules { defaults, before, retry_errors, seen: HashSet::new() };
    let run = Run { client: &connected.client, show: &show, desk: Mutex::default() };
    let outcome = run.all(input.read(rules), output, args.concurrency).await;
    show.finish();
    outcome
}

impl Args {
    /// File, then environment, then flags.
    fn config(&self) -> anyhow::Result<ClientConfig> {
        let mut config = ClientConfig::load(self.config.as_deref())?;
        if let Some(model) = &self.model {
            config.model.model = model.clone();
        }
        config.model.max_tokens = self.max_tokens.or(config.model.max_tokens);
        self.api.put_into(&mut config);
        Ok(config)
    }
}

/// One run over the input.
struct Run<'a> {
    client: &'a Client,
    show: &'a Show,
    desk: Mutex<Desk>,
}

/// What the input's side and the output's side of a run share.
#[derive(Default)]
struct Desk {
    /// Requests under way, by their number in the batch.
    tasks: HashMap<usize, Task>,
    taken: usize,
    tally: Tally,
    broken: Option<std::io::Error>,
}

impl Run<'_> {
    async fn all(
        &self,
        mut entries: Receiver<Entry>,
        mut output: Output,
        concurrency: u32,
    ) -> anyhow::Result<ExitCode> {
        let requests = poll_fn(|cx| self.next_request(&mut entries, cx));
        let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX);
        let mut batch = self.client.batch_stream(requests).concurrency(concurrency);
        let interrupted = {
            let handle = batch.handle();
            on_interrupt(move || handle.stop())
        };
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock.tick().await;
        let mut fatal = None;
        loop {
            let item = tokio::select! {
                item = batch.next() => item,
                _ = clock.tick() => {
                    let (tally, progress) = (self.desk().tally.clone(), batch.progress());
                    self.show.tick(tally.passed(&progress), tally.now(&progress, self.show.total()));
                    continue;
                }
            };
            let Some(item) = item else { break };
            if let Some(error) = self.settle(item, &mut output)? {
                fatal.get_or_insert(error);
            }
            let (tally, progress) = (self.desk().tally.clone(), batch.progress());
            self.show.update(tally.passed(&progress), tally.now(&progress, self.show.total()));
        }
        output.finish()?;
        let progress = batch.progress();
        drop(batch);
        let desk = std::mem::take(&mut *self.desk());
        self.show.finish();
        eprintln!("{}", desk.tally.summary(&progress));
        if let Some(error) = fatal {
            return Err(error).context("stopped, since every request would fail");
        }
        if let Some(error) = desk.broken {
            return Err(error).context("the input cannot be read to its end");
        }
        let some_failed = progress.failed + desk.tally.bad + desk.tally.failed_before > 0;
        Ok(match (interrupted.load(Ordering::Relaxed), some_failed) {
            (true, _) => ExitCode::from(INTERRUPTED),
            (false, true) => ExitCode::from(SOME_FAILED),
            (false, false) => ExitCode::SUCCESS,
        })
    }

    /// The request of the next line that has one.
    fn next_request(
        &self,
        entries: &mut Receiver<Entry>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<ChatRequest>> {
        loop {
            let Poll::Ready(entry) = entries.poll_recv(cx) else { return Poll::Pending };
            let mut desk = self.desk();
            let task = match entry {
                None => return Poll::Ready(None),
                Some(Entry::Ask(task)) => task,
                Some(Entry::Changed(task)) => {
                    desk.tally.changed += 1;
                    self.show.say(format_args!(
                        "line {}: `{}` has an outcome of another line: it is asked again",
                        task.line,
                        line::id_text(&task.id).unwrap_or_default()
                    ));
                    task
                }
                Some(Entry::Answered) => {
                    desk.tally.answered_before += 1;
                    continue;
                }
                Some(Entry::Failed) => {
                    desk.tally.failed_before += 1;
                    continue;
                }
                Some(Entry::Bad { line, why }) => {
                    desk.tally.bad += 1;
                    self.show.say(format_args!("line {line}: {why}"));
                    continue;
                }
                Some(Entry::Broken(error)) => {
                    desk.broken = Some(error);
                    return Poll::Ready(None);
                }
            };
            let request = task.request.clone();
            let number = desk.taken;
            desk.taken += 1;
            desk.tasks.insert(number, *task);
            return Poll::Ready(Some(request));
        }
    }

    /// Writes an outcome down. An error that is not this request's own has no record, so that it is asked again; it is
    /// given back.
    fn settle(
        &self,
        item: BatchItem<ChatResponse>,
        output: &mut Output,
    ) -> anyhow::Result<Option<bedrock_llm_schema::Error>> {
        let task = self.desk().tasks.remove(&item.index).context("an outcome without a request")?;
        match item.result {
            Ok(response) => {
                let cost = self.cost(&task.request.model, &response);
                output.append(&task, Ok(&response), item.elapsed, cost)?;
                let tally = &mut self.desk().tally;
                match cost {
                    Some(cost) => tally.cost += cost,
                    None => tally.unpriced += 1,
                }
            }
            Err(error) if concerns_every_call(&error) => return Ok(Some(error)),
            Err(error) => {
                output.append(&task, Err(&error), item.elapsed, None)?;
                let error = anyhow::Error::from(error);
                self.show.say(format_args!("line {}: {}", task.line, print::explain(&error)));
            }
        }
        Ok(None)
    }

    /// By the prices of the model that answered; `None` where one of them is not known.
    fn cost(&self, asked: &ModelId, response: &ChatResponse) -> Option<Cost> {
        let model = response.answered_by.as_ref().map_or(asked, |by| &by.model);
        let tier = response.service_tier.as_ref().map(|tier| &tier.r#type);
        self.client.profile(model).prices.cost(&response.usage, tier)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // nobody panics between two changes that belong together
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

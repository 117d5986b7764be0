//! `bedrock-llm rerank`: documents in the order in which they answer a query.

mod documents;
mod table;
mod write;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{bail, ensure};
use bedrock_llm_client::{Client, ClientConfig};
use bedrock_llm_embeddings::is_fatal;
use bedrock_llm_embeddings::rerank::{RerankError, Reranker};
use bedrock_llm_embeddings::similarity::Scored;
use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::rerank::RerankApi;
use clap::ValueEnum as _;
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, channel};

use crate::connect::Connection;
use crate::interrupt::{INTERRUPTED, on_interrupt};
use crate::print;
use crate::records::{Before, Done, Form, Output, Plan, hash, may_be_mended};
use crate::show::Show;
use crate::texts::{Content, Item, Place, Source, Wanted};
use documents::Documents;
use write::{Query, Writer};

/// Where nothing else is asked for.
pub(crate) const DEFAULT_MODEL: &str = "cohere.rerank-v3-5:0";

/// How often what is missing of a ranking is asked for again, after the client's own retries.
const RESUMES: usize = 2;

/// Exit code: some queries failed.
const SOME_FAILED: u8 = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// What the documents are to answer.
    #[arg(short, long, required_unless_present = "queries")]
    query: Option<String>,
    /// A file of queries, one a line; of `.jsonl` and `.csv` files their member or column `query`. Each gets a ranking of all
    /// documents
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    queries: Option<PathBuf>,
    /// Documents are the objects of JSON Lines, as they are
    #[arg(long, conflicts_with_all = ["field", "column", "whole"])]
    objects: bool,
    /// How many of the best are wanted [default: all]
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u32).range(1..))]
    top_n: Option<u32>,
    /// Model id or ARN.
    #[arg(short, long, default_value = DEFAULT_MODEL)]
    model: ModelId,
    /// Which API of the service ranks.
    #[arg(long, value_enum, default_value = "invoke-model")]
    api: Api,
    /// Where rankings go; - is standard output.
    #[arg(short, long, default_value = "-")]
    output: PathBuf,
    /// In what form [default: table on a terminal, else jsonl]
    #[arg(long, value_enum)]
    format: Option<Shape>,
    /// Continue the output where it ended: queries that have their ranking are not asked again, those that failed are.
    #[arg(long)]
    resume: bool,
    /// Write the documents beside their scores; a table always has them.
    #[arg(long)]
    with_text: bool,
    /// How many queries are under way at once.
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: u32,
    /// TOML or JSON file with the client's settings; `BEDROCK_LLM_*` variables and flags override it. Its model is for chats
    /// [default: the one that `BEDROCK_LLM_CONFIG` names]
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Api {
    /// InvokeModel of bedrock-runtime.
    InvokeModel,
    /// Rerank of bedrock-agent-runtime.
    AgentRuntime,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    /// For people.
    Table,
    /// A JSON object for each document of a ranking.
    Jsonl,
    /// Comma-separated values under a line of names.
    Csv,
}

/// Exit code 0 where every query has its ranking, 2 where some failed, 130 where the user stopped it.
pub(crate) async fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    args.connection.only_as_told = true;
    let is_standard = args.output == Path::new("-");
    let shape = args.format.unwrap_or(if is_standard && std::io::stdout().is_terminal() {
        Shape::Table
    } else {
        Shape::Jsonl
    });
    let wanted = if args.objects { Wanted::Objects } else { Wanted::Texts };
    let texts = args.source.open(wanted)?;
    let queries = args.queries.as_deref().map(|path| Source::file(path).open(Wanted::Queries)).transpose()?;
    if let Some(queries) = &queries {
        let both = queries.read_standard_input() && texts.read_standard_input();
        ensure!(
            !both,
            "standard input can be read only once: name the file of the documents or that of the queries"
        );
    }
    for input in queries.iter().chain([&texts]) {
        ensure!(!input.is_one_of(&args.output), "input and output are one file");
    }
    let config = ClientConfig::load(args.config.as_deref())?;
    let connected = args.connection.open(&config).await?;
    let has_files = texts.have_names();
    let documents = tokio::task::spawn_blocking(move || Documents::read(texts)).await??;
    let reranker = args.reranker(&connected.client);

    let form = match shape {
        Shape::Table => None,
        Shape::Jsonl => Some(Form::Jsonl),
        Shape::Csv => Some(Form::Csv),
    };
    ensure!(form.is_some() || is_standard, "a table goes to standard output: leave --output or --format out");
    ensure!(form.is_some() || !args.resume, "--resume continues a file: name it with --output");
    let names = args.names(has_files);
    let (writer, done) = match form {
        None => (Writer::table(args.queries.is_some()), Done::default()),
        Some(form) => {
            let settings = args.settings(form, &documents, connected.is_local());
            let plan = Plan {
                path: &args.output,
                form,
                resume: args.resume,
                names: &names,
                prefix: "query_",
                name_now: &|name| Ok(name.to_owned()), // the queries' file is in no record
                settings,
            };
            let (output, done) = Output::open(&plan)?;
            (Writer::records(output, names, args.with_text), done)
        }
    };
    let total = queries.as_ref().map_or(Ok(Some(1)), crate::texts::Texts::count)?;
    let queries = match (queries, args.query.clone()) {
        (Some(queries), _) => queries.read(),
        (None, query) => one(query.unwrap_or_default()),
    };
    let show = Show::new(total.filter(|total| *total > 1))?;
    let run = Run {
        args: &args,
        reranker: &reranker,
        documents: &documents,
        done,
        before: AtomicUsize::new(0),
        show: &show,
    };
    let outcome = run.all(queries, writer).await;
    show.finish();
    outcome
}

/// A query that was given on the command line.
fn one(query: String) -> Receiver<anyhow::Result<Item>> {
    let (sender, receiver) = channel(1);
    let item = Item { place: Place { file: None, line: 1 }, id: None, content: Ok(Content::Text(query)) };
    // it has room for one
    let _ = sender.try_send(Ok(item));
    receiver
}

impl Args {
    fn reranker(&self, client: &Client) -> Reranker {
        Reranker::new(client.clone(), self.model.clone()).api(match self.api {
            Api::InvokeModel => RerankApi::InvokeModel,
            Api::AgentRuntime => RerankApi::AgentRuntime,
        })
    }

    /// What records have. To standard output they do not say which query they are of beyond its line, for that cannot be
    /// continued.
    fn names(&self, has_files: bool) -> Vec<&'static str> {
        let is_file = self.output != Path::new("-");
        let are_many = self.queries.is_some();
        let all = [
            ("query_line", is_file || are_many),
            ("query_id", are_many),
            ("query_hash", is_file),
            ("rank", true),
            ("of", true),
            ("index", true),
            ("file", has_files),
            ("line", !self.source.is_whole()),
            ("id", !self.source.is_whole()),
            ("score", true),
            ("text", self.with_text && !self.objects),
            ("document", self.with_text && self.objects),
            ("error", true),
        ];
        all.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
    }

    /// All that decides what the records are like.
    fn settings(&self, form: Form, documents: &Documents, is_local: bool) -> Map<String, Value> {
        let api = self.api.to_possible_value().map(|value| value.get_name().to_owned());
        Map::from_iter(
            [
                ("command", json!("rerank")),
                ("model", json!(self.model)),
                ("api", json!(api)),
                ("top_n", json!(self.top_n)),
                ("documents", json!(documents.hash())),
                ("format", json!(form)),
                ("with_text", json!(self.with_text)),
                ("local", json!(is_local)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}

/// One run over the queries.
struct Run<'a> {
    args: &'a Args,
    reranker: &'a Reranker,
    documents: &'a Documents,
    done: Done,
    /// How many queries were.
    before: AtomicUsize,
    show: &'a Show,
}

impl Run<'_> {
    async fn all(
        &self,
        mut queries: Receiver<anyhow::Result<Item>>,
        mut writer: Writer,
    ) -> anyhow::Result<ExitCode> {
        let stop = Arc::new(Notify::new());
        let interrupted = {
            let stop = Arc::clone(&stop);
            on_interrupt(move || stop.notify_one())
        };
        let asked = stream::poll_fn(|cx| queries.poll_recv(cx)).take_until(Box::pin(stop.notified()));
        let rankings = asked.filter_map(|item| std::future::ready(self.query(item).transpose()));
        let concurrency = usize::try_from(self.args.concurrency).unwrap_or(usize::MAX);
        let rankings = rankings.map(|query| async {
            let query = query?;
            let ranking = match &query.bad {
                Some(_) => Ok(Vec::new()),
                None => self.rank(&query.text).await,
            };
            anyhow::Ok((query, ranking))
        });
        let mut rankings = std::pin::pin!(rankings.buffered(concurrency));
        let (mut ranked, mut failed, mut fatal) = (0_usize, 0_usize, None);
        while let Some(next) = rankings.next().await {
            let (query, ranking) = match next {
                Ok(next) => next,
                Err(error) => {
                    fatal = Some(error);
                    break;
                }
            };
            match ranking {
                Err(error) => match error.cause() {
                    Some(cause) if !is_fatal(cause) => {
                        failed += 1;
                        self.show.say(format_args!("{}: {}", query.place, print::in_our_words(cause)));
                        writer.failure(&query, &cause.into())?;
                    }
                    _ => {
                        let error = anyhow::Error::from(error);
                        fatal = Some(error.context("stopped, since every query would fail"));
                        break;
                    }
                },
                Ok(ranking) => match &query.bad {
                    Some(why) => {
                        failed += 1;
                        self.show.say(format_args!("{}: {why}", query.place));
                        writer.failure(&query, &crate::records::Failure::bad_line(why))?;
                    }
                    None => {
                        ranked += 1;
                        writer.ranking(&query, &ranking, self.documents)?;
                    }
                },
            }
            self.show.update(ranked + failed, format_args!("{failed} failed"));
        }
        writer.finish()?;
        self.show.finish();
        if self.args.queries.is_some() {
            let before = self.before.load(Ordering::Relaxed);
            let again = if before > 0 { format!(", {before} ranked before") } else { String::new() };
            eprintln!("{ranked} queries ranked, {failed} failed{again}");
        }
        if let Some(error) = fatal {
            return Err(error);
        }
        Ok(match (interrupted.load(Ordering::Relaxed), failed > 0) {
            (true, _) => ExitCode::from(INTERRUPTED),
            (false, true) => ExitCode::from(SOME_FAILED),
            (false, false) => ExitCode::SUCCESS,
        })
    }

    /// The query of a line, if it is to be asked.
    fn query(&self, item: anyhow::Result<Item>) -> anyhow::Result<Option<Query>> {
        let item = item?;
        let (text, bad) = match item.content {
            Ok(Content::Text(text)) => (text, None),
            Ok(Content::Object(_)) => (String::new(), Some("it is no text".to_owned())),
            Err(why) => (String::new(), Some(why)),
        };
        let id = item.id.as_ref().map(Value::to_string).unwrap_or_default();
        let hash = hash(format!("{id}\0{text}").as_bytes());
        match self.done.what_of("", item.place.line, hash) {
            Before::Not => {}
            Before::Done => {
                self.before.fetch_add(1, Ordering::Relaxed);
                return Ok(None);
            }
            Before::Other => bail!(
                "{}: the output has a ranking for another query that stood there: the queries have changed, so begin a new output",
                item.place
            ),
        }
        Ok(Some(Query { place: item.place, id: item.id, hash, text, bad }))
    }

    /// A ranking of all documents. Where only some of its calls failed, and not for good, those are made again a few
    /// times, since the others would be paid twice if the whole query were asked again.
    async fn rank(&self, query: &str) -> Result<Vec<Scored>, RerankError> {
        let mut ranking = self.reranker.rerank(query, &self.documents.content);
        if let Some(top_n) = self.args.top_n {
            ranking = ranking.top_n(usize::try_from(top_n).unwrap_or(usize::MAX));
        }
        let mut outcome = ranking.await;
        for _ in 0..RESUMES {
            outcome = match outcome {
                Err(RerankError::Incomplete { partial, cause, .. })
                    if partial.missing.len() < self.documents.content.len()
                        && may_be_mended(&cause)
                        && !is_fatal(&cause) =>
                {
                    self.reranker.resume(*partial, &self.documents.content).await
                }
                outcome => outcome,
            };
        }
        let ranking = outcome?;
        Ok(ranking.iter().map(|ranked| Scored { index: ranked.index, score: ranked.score }).collect())
    }
}

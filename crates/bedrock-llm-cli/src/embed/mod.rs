//! `bedrock-llm embed`: texts become vectors.

mod desk;
mod failures;
mod number;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context as _, ensure};
use bedrock_llm_client::{Client, ClientConfig};
use bedrock_llm_embeddings::is_fatal;
use bedrock_llm_embeddings::{EmbedError, Embedder, Embeddings, LongText};
use bedrock_llm_schema::embed::{Bits, EmbedPurpose, EmbeddingType};
use bedrock_llm_schema::{ModelId, Usage};
use clap::ValueEnum as _;
use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::connect::Connection;
use crate::interrupt::{INTERRUPTED, on_interrupt};
use crate::records::{Before, Done, Form, Output, Plan, hash};
use crate::show::{EVERY, Show};
use crate::texts::{Content, Item, Source, Wanted};
use desk::{Desk, Label, Tally};
use number::{Digits, Number};

/// Where nothing else is asked for.
pub(crate) const DEFAULT_MODEL: &str = "amazon.titan-embed-text-v2:0";

/// Exit code: some texts failed.
const SOME_FAILED: u8 = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Where vectors go; - is standard output.
    #[arg(short, long, default_value = "-")]
    output: PathBuf,
    /// In what form.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Form,
    /// Continue the output where it ended: what has its vector is not embedded again, what failed is tried again.
    #[arg(long)]
    resume: bool,
    /// A file for the lines that failed, instead of records in the output. With --resume it gets those of the new run in the
    /// place of those before; else it must be new or empty.
    #[arg(long, value_name = "FILE")]
    failures: Option<PathBuf>,
    /// Write the texts beside their vectors.
    #[arg(long)]
    with_text: bool,
    /// Model id, inference profile or ARN.
    #[arg(short, long, default_value = DEFAULT_MODEL)]
    model: ModelId,
    /// How long the vectors are to be [default: the model's longest]
    #[arg(short, long)]
    dimensions: Option<u32>,
    /// What the vectors are for, where the model tells purposes apart: document, query, classification, clustering, …
    /// [default: document]
    #[arg(long, value_parser = purpose)]
    purpose: Option<EmbedPurpose>,
    /// The type of the numbers.
    #[arg(long = "type", value_enum, default_value = "float")]
    r#type: Type,
    /// Scale vectors to length 1 where the model does not.
    #[arg(long)]
    normalize: bool,
    /// What becomes of texts that are longer than the model takes.
    #[arg(long, value_enum, default_value = "error")]
    long_text: Long,
    /// The same as --long-text truncate.
    #[arg(long, conflicts_with = "long_text")]
    truncate: bool,
    /// How many calls are under way at once.
    #[arg(short, long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: u32,
    /// TOML or JSON file with the client's settings; `BEDROCK_LLM_*` variables and flags override it. Its model is for chats
    /// [default: the one that `BEDROCK_LLM_CONFIG` names]
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Type {
    Float,
    Int8,
    Uint8,
    /// A bit for a dimension, written as the service does: Cohere's eight to a signed byte, Titan's as 0 or 1.
    Binary,
    /// A bit for a dimension, eight to an unsigned byte.
    Ubinary,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Long {
    /// They fail.
    Error,
    /// Their end is cut off.
    Truncate,
    /// They are split, and get the mean of their pieces' vectors.
    Pool,
}

impl From<Type> for EmbeddingType {
    fn from(r#type: Type) -> Self {
        match r#type {
            Type::Float => Self::Float,
            Type::Int8 => Self::Int8,
            Type::Uint8 => Self::Uint8,
            Type::Binary => Self::Binary,
            Type::Ubinary => Self::Ubinary,
        }
    }
}

impl From<Long> for LongText {
    fn from(long: Long) -> Self {
        match long {
            Long::Error => Self::Error,
            Long::Truncate => Self::TruncateEnd,
            Long::Pool => Self::SplitAndPool,
        }
    }
}

/// A purpose by its name; a name that is none is a slip.
fn purpose(name: &str) -> Result<EmbedPurpose, String> {
    match EmbedPurpose::from(name) {
        EmbedPurpose::Unknown(_) => Err("it is none of the purposes that are known".to_owned()),
        known => Ok(known),
    }
}

/// Exit code 0 where every text has its vector, 2 where some failed, 130 where the user stopped it.
pub(crate) async fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    // vectors that nobody asked for would stay in somebody's index for good
    args.connection.only_as_told = true;
    match args.r#type {
        Type::Float => embed::<f32>(&args).await,
        Type::Int8 => embed::<i8>(&args).await,
        Type::Uint8 => embed::<u8>(&args).await,
        Type::Binary | Type::Ubinary => embed::<Bits>(&args).await,
    }
}

async fn embed<T: Number>(args: &Args) -> anyhow::Result<ExitCode> {
    let texts = args.source.open(Wanted::Texts)?;
    ensure!(!texts.is_one_of(&args.output), "input and output are one file");
    let config = ClientConfig::load(args.config.as_deref())?;
    let connected = args.connection.open(&config).await?;
    let embedder = args.embedder::<T>(&connected.client)?;
    let names = args.names(texts.have_names());
    let plan = Plan {
        path: &args.output,
        form: args.format,
        resume: args.resume,
        names: &names,
        prefix: "",
        name_now: &|name| texts.name_now(name),
        settings: args.settings(connected.is_local()),
    };
    let failures = args.failures.as_deref();
    let mut failures =
        failures.map(|path| failures::open(path, &args.output, &texts, args.resume)).transpose()?;
    let (output, done) = Output::open(&plan)?;
    if let Some(file) = &mut failures {
        file.cut(0)?;
    }
    let show = Show::new(texts.count()?)?;
    let stop = Arc::new(Notify::new());
    let interrupted = {
        let stop = Arc::clone(&stop);
        on_interrupt(move || stop.notify_one())
    };
    let desk =
        Desk { labels: VecDeque::new(), output, names, failures, tally: Tally::default(), said: Vec::new() };
    let profile = connected.client.profile(&args.model);
    let digits = Digits::of(&args.r#type.into(), &args.model, &profile);
    let run = Run { args, desk: Mutex::new(desk), done, broken: Mutex::default(), show: &show, digits };
    let start = Instant::now();
    let fatal = run.all(&embedder, texts.read(), &stop, start).await;
    show.finish();
    let fatal = fatal?;
    let desk = run.desk();
    desk.output.finish()?;
    let tally = &desk.tally;
    let usage = Usage::new(tally.usage.input_tokens, 0);
    let cost = profile.prices.cost(&usage, None);
    eprintln!("{}", tally.summary(start.elapsed(), cost));
    if let Some(error) = fatal {
        return Err(error).context("stopped, since every text would fail");
    }
    if let Some(error) = run.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    Ok(match (interrupted.load(Ordering::Relaxed), tally.failed > 0) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::from(SOME_FAILED),
        (false, false) => ExitCode::SUCCESS,
    })
}

impl Args {
    fn embedder<T: Number>(&self, client: &Client) -> anyhow::Result<Embedder<T>> {
        let concurrency = usize::try_from(self.concurrency)?;
        let mut builder = Embedder::builder(client.clone(), self.model.clone())
            .profile(&client.profile(&self.model))
            .element::<T>()
            .encoding(self.r#type.into())
            .concurrency(concurrency)
            .long_texts(self.long_text().into());
        if let Some(dimensions) = self.dimensions {
            builder = builder.dimensions(dimensions);
        }
        if let Some(purpose) = &self.purpose {
            builder = builder.purpose(purpose.clone());
        }
        if self.normalize {
            builder = builder.normalize(true);
        }
        Ok(builder.build()?)
    }

    /// What records have. To standard output they do not say which text they are of, for that cannot be continued.
    fn names(&self, has_files: bool) -> Vec<&'static str> {
        let all = [
            ("file", has_files),
            ("line", !self.source.is_whole()),
            ("id", !self.source.is_whole()),
            ("hash", self.output != Path::new("-")),
            ("text", self.with_text),
            ("error", true),
            ("embedding", true),
        ];
        all.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
    }

    /// All that decides what the records are like.
    fn settings(&self, is_local: bool) -> Map<String, Value> {
        let type_name = self.r#type.to_possible_value().map(|value| value.get_name().to_owned());
        let long_text = self.long_text().to_possible_value().map(|value| value.get_name().to_owned());
        Map::from_iter(
            [
                ("command", json!("embed")),
                ("model", json!(self.model)),
                ("dimensions", json!(self.dimensions)),
                ("purpose", json!(self.purpose)),
                ("type", json!(type_name)),
                ("normalize", json!(self.normalize)),
                ("long_text", json!(long_text)),
                ("format", json!(self.format)),
                ("with_text", json!(self.with_text)),
                ("failures_apart", json!(self.failures.is_some())),
                ("local", json!(is_local)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }

    fn long_text(&self) -> Long {
        if self.truncate { Long::Truncate } else { self.long_text }
    }
}

/// One run over the input.
struct Run<'a> {
    args: &'a Args,
    desk: Mutex<Desk>,
    done: Done,
    /// What ended the input before its end.
    broken: Mutex<Option<anyhow::Error>>,
    show: &'a Show,
    digits: Digits,
}

impl Run<'_> {
    /// Gives the error that every text would meet, if there is one.
    async fn all<T: Number>(
        &self,
        embedder: &Embedder<T>,
        mut items: Receiver<anyhow::Result<Item>>,
        stop: &Notify,
        start: Instant,
    ) -> anyhow::Result<Option<bedrock_llm_schema::Error>> {
        let texts = poll_fn(|cx| self.next_text(&mut items, cx)).take_until(Box::pin(stop.notified()));
        let mut chunks = embedder.embed_stream(texts);
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock.tick().await;
        let mut fatal = None;
        while fatal.is_none() {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                _ = clock.tick() => {
                    let tally = self.desk().tally.clone();
                    self.show.tick(tally.passed(), tally.now(start.elapsed()));
                    continue;
                }
            };
            let Some(chunk) = chunk else { break };
            fatal = self.settle(chunk)?;
            let tally = self.desk().tally.clone();
            self.show.update(tally.passed(), tally.now(start.elapsed()));
            self.say();
        }
        if fatal.is_none() {
            self.desk().settle_bad()?;
        }
        self.say();
        Ok(fatal)
    }

    fn settle<T: Number>(
        &self,
        chunk: Result<Embeddings<T>, EmbedError<T>>,
    ) -> anyhow::Result<Option<bedrock_llm_schema::Error>> {
        let mut desk = self.desk();
        match chunk {
            Ok(embeddings) => {
                desk.tally.usage.add(embeddings.usage());
                for vector in embeddings.rows() {
                    desk.settle(Ok(vector), self.digits)?;
                }
                Ok(None)
            }
            Err(error) => {
                let outcome = error.into_outcome();
                desk.tally.usage.add(outcome.usage());
                for (_, result) in outcome.iter() {
                    desk.settle(result, self.digits)?;
                }
                let mut failed = outcome.into_failed().into_iter();
                Ok(failed.find(|failed| is_fatal(&failed.error)).map(|failed| failed.error))
            }
        }
    }

    /// The next text that is to be embedded.
    fn next_text(
        &self,
        items: &mut Receiver<anyhow::Result<Item>>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<String>> {
        loop {
            let Poll::Ready(item) = items.poll_recv(cx) else { return Poll::Pending };
            let Some(item) = item else { return Poll::Ready(None) };
            match item.and_then(|item| self.take(item)) {
                Ok(Some(text)) => return Poll::Ready(Some(text)),
                Ok(None) => {}
                Err(error) => {
                    *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    items.close();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// The text of a line, if it is to be embedded.
    fn take(&self, item: Item) -> anyhow::Result<Option<String>> {
        let mut desk = self.desk();
        let (text, bad) = match item.content {
            Ok(Content::Text(text)) => (text, None),
            Ok(Content::Object(_)) => (String::new(), Some("it is no text".to_owned())),
            Err(why) => (String::new(), Some(why)),
        };
        let id = item.id.as_ref().map(Value::to_string).unwrap_or_default();
        let hash = hash(format!("{id}\0{text}").as_bytes());
        let mut label = Label { place: item.place, id: item.id, hash, text: None, bad };
        match self.done.what_of(label.place.file().unwrap_or_default(), label.place.line, hash) {
            Before::Not => {}
            Before::Done => {
                desk.tally.before += 1;
                return Ok(None);
            }
            Before::Other => anyhow::bail!(
                "{}: the output has a record of another text that stood there: the input has changed, so begin a new output",
                label.place
            ),
        }
        let is_bad = label.bad.is_some();
        label.text = (self.args.with_text && !is_bad).then(|| text.clone());
        desk.labels.push_back(label);
        if is_bad {
            // it waits for those before it, if there are any
            desk.settle_bad()?;
            return Ok(None);
        }
        Ok(Some(text))
    }

    fn say(&self) {
        let said = std::mem::take(&mut self.desk().said);
        for line in said {
            self.show.say(line);
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // nobody panics between two changes that belong together
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

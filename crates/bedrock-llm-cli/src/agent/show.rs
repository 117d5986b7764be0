//! What is shown of a run: the answer on standard output, everything about it on standard error; or all of it as JSON on
//! standard output.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

use bedrock_llm_agent::run::{AgentStop, Spent, ToolCall, ToolCallState};
use bedrock_llm_agent::{AgentEvent, AgentResponse};
use bedrock_llm_schema::{ToolResultBlock, ToolResultContentBlock};

use super::event::Event;
use super::shorten;
use crate::{print, show};

/// How much of arguments and results is shown.
const SHORT: usize = 100;

/// In which form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Words,
    Json,
    /// The answer alone.
    Quiet,
}

/// Shows runs.
pub(crate) struct Show {
    form: Form,
    model: String,
    /// Whether a human is asked at the terminal, with the question.
    is_asked: bool,
    /// Whether the line on standard output has no end yet.
    is_open: bool,
    begun: Instant,
    /// The calls under way: their numbers, and when they began.
    calls: HashMap<String, (usize, Option<Instant>)>,
    count: usize,
}

impl Show {
    pub(crate) fn new(form: Form, model: &str) -> Self {
        let (calls, model) = (HashMap::new(), model.to_owned());
        Self { form, model, is_asked: false, is_open: false, begun: Instant::now(), calls, count: 0 }
    }

    /// The same for a terminal at which a human is asked.
    pub(super) fn asking(self, is_asked: bool) -> Self {
        Self { is_asked, ..self }
    }

    /// A run begins.
    pub(super) fn begin(&mut self) {
        self.begun = Instant::now();
        self.calls.clear();
        self.count = 0;
    }

    pub(super) fn event(&mut self, event: &AgentEvent) -> io::Result<()> {
        let took = self.follow(event);
        if self.form == Form::Json {
            let took = took.and_then(|(_, took)| took);
            return Event::of(event, took).map_or(Ok(()), |event| self.json(&event));
        }
        match event {
            AgentEvent::Text(text) => {
                self.is_open = !text.ends_with('\n') && (self.is_open || !text.is_empty());
                print::piece(text)
            }
            AgentEvent::ApprovalRequested(_) if self.is_asked => self.end_line(),
            _ if self.form == Form::Quiet => Ok(()),
            AgentEvent::Reasoning(text) => {
                eprint!("{text}");
                Ok(())
            }
            AgentEvent::Restarted => self.about("[the answer begins anew]"),
            AgentEvent::ToolStarted(call) => {
                let again = if call.starts() > 1 { " again" } else { "" };
                let (number, name) = (self.number(call), call.name());
                let input = shorten(&call.input().to_string(), SHORT);
                self.about(format_args!("[tool {number}{again}: {name} {input}]"))
            }
            AgentEvent::ApprovalRequested(call) => {
                let (id, name) = (call.id(), call.name());
                let question = shorten(call.question().unwrap_or_default(), 3 * SHORT);
                self.about(format_args!("[tool {id}: {name} waits: {question}]"))
            }
            AgentEvent::ToolFinished(call) => {
                let (number, took) = took.unwrap_or_default();
                let took = took.map(|took| format!(" in {}", show::seconds(took))).unwrap_or_default();
                let result = call.result().map(result_in_words).unwrap_or_default();
                let state = call.state().as_str();
                // a failure's words begin with the state
                let said = result.strip_prefix(state).and_then(|said| said.strip_prefix(": "));
                let said = shorten(said.unwrap_or(&result), SHORT);
                self.about(format_args!("[tool {number}: {state}{took}: {said}]"))
            }
            AgentEvent::Memory(update) => self.about(format_args!(
                "[memory: {} took out {} turns, {} of them summed up]",
                update.strategy, update.removed, update.summarized
            )),
            _ => Ok(()),
        }
    }

    /// Keeps track of the calls under way. Of one that came out: its number, and how long it ran.
    fn follow(&mut self, event: &AgentEvent) -> Option<(usize, Option<Duration>)> {
        match event {
            AgentEvent::ToolRequested(call) => {
                self.number(call);
                None
            }
            AgentEvent::ToolStarted(call) => {
                let number = self.number(call);
                self.calls.insert(call.id().to_owned(), (number, Some(Instant::now())));
                None
            }
            AgentEvent::ToolFinished(call) => {
                let number = self.number(call);
                let began = self.calls.remove(call.id()).and_then(|(_, began)| began);
                Some((number, began.map(|began| began.elapsed())))
            }
            _ => None,
        }
    }

    /// The number of a call in this run, which tells calls of one tool apart.
    fn number(&mut self, call: &ToolCall) -> usize {
        if let Some((number, _)) = self.calls.get(call.id()) {
            return *number;
        }
        self.count += 1;
        self.calls.insert(call.id().to_owned(), (self.count, None));
        self.count
    }

    pub(super) fn done(&mut self, response: &AgentResponse) -> io::Result<()> {
        match self.form {
            Form::Json => return self.json(&Event::done(response, self.begun.elapsed())),
            Form::Quiet => return self.end_line(),
            Form::Words => self.end_line()?,
        }
        let progress = response.run.progress();
        let (calls, usage) = (response.tool_calls.len(), &response.usage);
        let cost = progress.cost().map(|cost| format!(" · ${cost:.6}")).unwrap_or_default();
        let stop = stop_in_words(&response.stop).map(|stop| format!(" · {stop}")).unwrap_or_default();
        eprintln!(
            "[{} · {}, {} · {} tokens in · {} out{cost} · {}{stop}]",
            self.model,
            counted(response.iterations as usize, "answer"),
            counted(calls, "call"),
            usage.total_input(),
            usage.output_tokens,
            show::seconds(self.begun.elapsed()),
        );
        Ok(())
    }

    /// A run that could not go on. Whoever reads events gets one; the words are the caller's.
    pub(super) fn failed(&mut self, error: &anyhow::Error) -> io::Result<()> {
        match self.form {
            Form::Json => self.json(&Event::Error { message: print::explain(error) }),
            _ => self.end_line(),
        }
    }

    /// Something about the command itself.
    pub(super) fn notice(&mut self, line: &str) -> io::Result<()> {
        if self.form == Form::Words { self.about(line) } else { Ok(()) }
    }

    fn about(&mut self, line: impl Display) -> io::Result<()> {
        self.end_line()?;
        eprintln!("{line}");
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_open) { print::line("") } else { Ok(()) }
    }

    fn json(&mut self, event: &Event<'_>) -> io::Result<()> {
        print::line(serde_json::to_string(event)?)
    }
}

/// `1 call`, `2 calls`.
fn counted(count: usize, what: &str) -> impl Display {
    std::fmt::from_fn(move |f| write!(f, "{count} {what}{}", if count == 1 { "" } else { "s" }))
}

/// A call's result as text.
pub(crate) fn result_in_words(result: &ToolResultBlock) -> String {
    let words = result.content.iter().map(|content| match content {
        ToolResultContentBlock::Text(text) => text.clone(),
        ToolResultContentBlock::Json(value) => value.to_string(),
        other => format!("({})", other.tag()),
    });
    words.collect::<Vec<_>>().join("\n")
}

/// Whether a call waits for a word.
pub(crate) fn waits(call: &ToolCall) -> bool {
    call.state() == ToolCallState::Pending && call.question().is_some()
}

/// Why a run stopped, where it is not that the model has answered.
fn stop_in_words(stop: &AgentStop) -> Option<String> {
    Some(match stop {
        AgentStop::EndTurn | AgentStop::StopSequence => return None,
        AgentStop::Tool(tool) => format!("stopped after {tool}"),
        AgentStop::MaxIterations => "stopped by --max-iterations".to_owned(),
        AgentStop::MaxTokens => "the answer was cut off by max_tokens".to_owned(),
        AgentStop::Budget(Spent::Tokens) => "stopped by --max-tokens-used".to_owned(),
        AgentStop::Budget(Spent::Cost) => "stopped by --max-cost".to_owned(),
        AgentStop::Budget(Spent::Time) => "stopped by --max-time".to_owned(),
        AgentStop::Loop(tool) => {
            format!("stopped: the model asked for the same call of {tool} again and again")
        }
        AgentStop::Suspended => "waits for a word".to_owned(),
        AgentStop::Cancelled => "cancelled".to_owned(),
        AgentStop::GuardrailIntervened => "a guardrail stepped in".to_owned(),
        AgentStop::ContentFiltered => "a content filter stepped in".to_owned(),
        AgentStop::ContextWindowExceeded => "the conversation no longer fits the model".to_owned(),
        AgentStop::Malformed => "the model's answer could not be read".to_owned(),
        AgentStop::Hook(reason) | AgentStop::Other(reason) => format!("stopped: {reason}"),
        _ => "stopped".to_owned(),
    })
}

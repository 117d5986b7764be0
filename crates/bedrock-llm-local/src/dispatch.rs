//! Who answers a request: the script, the recordings, or the offline responder, in this order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bedrock_llm_providers::Registry;
use bedrock_llm_schema::request::CountTokensInput;
use bedrock_llm_schema::{
    Accumulator, Catalog, ChatRequest, ChatResponse, CountTokensRequest, Operation, StreamEvent,
};
use serde_json::json;

use crate::answer::{Answer, Delivery, Mishap};
use crate::asked::Asked;
use crate::faults::Faults;
use crate::native::Native;
use crate::replay::Recordings;
use crate::script::{Payload, Stage};
use crate::stats::Counters;
use crate::{Exception, ReceivedRequest, frame, offline, refusal};

/// Ids that fail on demand.
const ERROR: &str = "local.error.";
const STREAM_ERROR: &str = "local.stream-error.";

/// How many of the latest requests are kept where nothing is said.
pub(crate) const KEPT: usize = 10_000;

/// How many deltas or chunks come before the exception of a stream that fails on demand.
const DELTAS: usize = 3;

/// What all connections share.
pub(crate) struct State {
    pub(crate) stage: Stage,
    pub(crate) recordings: Recordings,
    pub(crate) registry: Registry,
    /// The caller's facts on models, in the place of the built-in ones.
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// Whether the rules are kept before scripted and recorded answers too.
    pub(crate) always_check: bool,
    pub(crate) received: Mutex<VecDeque<ReceivedRequest>>,
    /// How many of them are kept.
    pub(crate) keep: usize,
    pub(crate) offline: bool,
    pub(crate) prompt_cache: offline::PromptCache,
    pub(crate) pace: Duration,
    pub(crate) faults: Faults,
    pub(crate) counters: Arc<Counters>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            stage: Stage::default(),
            recordings: Recordings::default(),
            registry: Registry::builtin(),
            catalog: None,
            always_check: false,
            received: Mutex::default(),
            keep: KEPT,
            offline: true,
            prompt_cache: offline::PromptCache::default(),
            pace: Duration::ZERO,
            faults: Faults::default(),
            counters: Arc::default(),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("registry", &self.registry)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

impl State {
    fn catalog(&self) -> &Catalog {
        self.catalog.as_deref().unwrap_or_else(|| Catalog::builtin())
    }

    /// Takes note of a request and answers it, or lets happen what the fault plan says.
    pub(crate) fn answer(&self, mut received: ReceivedRequest) -> (Answer, Delivery) {
        let injection = self.faults.decide(&received);
        received.fault = injection.kind();
        self.note(&received);
        tracing::debug!(
            operation = ?received.operation, model = received.model_id, fault = received.fault, "request"
        );
        let (answer, delivery) = match injection.instead() {
            Some(answer) => (answer, Delivery::default()),
            None => self.proper(&received, injection.in_one()),
        };
        injection.lay_over(answer, delivery)
    }

    /// The answer proper; `in_one` where it must not be streamed, whatever was asked for.
    fn proper(&self, received: &ReceivedRequest, in_one: bool) -> (Answer, Delivery) {
        let Some(operation) = received.operation else {
            let message =
                format!("bedrock-llm-local knows no operation {} {}", received.method, received.path);
            return (
                Exception::new("UnknownOperationException").message(message).into(),
                Delivery::default(),
            );
        };
        let operation = match operation {
            Operation::ConverseStream if in_one => Operation::Converse,
            Operation::InvokeModelWithResponseStream if in_one => Operation::InvokeModel,
            operation => operation,
        };
        if self.always_check
            && let Err(exception) = refusal::check(operation, received, &self.registry, self.catalog())
        {
            return (exception.into(), Delivery::default());
        }
        if let Some(reply) = self.stage.next(received) {
            let answer = self.scripted(reply.payload.clone(), operation, received);
            return (reply.finish(answer.unwrap_or_else(Answer::from)), reply.delivery);
        }
        if let Some(answer) = self.recordings.answer(received) {
            return (answer, Delivery::default());
        }
        match self.offline(operation, received) {
            Ok((answer, mishap)) => (answer, Delivery { pace: self.pace, mishap, ..Delivery::default() }),
            Err(exception) => (exception.into(), Delivery::default()),
        }
    }

    /// Counts a request, keeps it, and lets go of the oldest where there are too many.
    fn note(&self, received: &ReceivedRequest) {
        self.counters.request(&received.model_id);
        if let Some(kind) = received.fault {
            self.counters.fault(kind);
        }
        if self.keep == 0 {
            return;
        }
        let mut kept = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.len() >= self.keep {
            kept.pop_front();
        }
        kept.push_back(received.clone());
    }

    fn scripted(
        &self,
        payload: Payload,
        operation: Operation,
        received: &ReceivedRequest,
    ) -> Result<Answer, Exception> {
        let streamed = operation == Operation::InvokeModelWithResponseStream;
        let chunks = |chunks: Vec<serde_json::Value>| {
            let frames = chunks.iter().map(|chunk| frame::chunk(chunk.to_string().into())).collect();
            Answer::stream(frames).with_header("x-amzn-bedrock-content-type", "application/json")
        };
        match payload.into_response(received) {
            Payload::Exception(exception) => Err(exception),
            Payload::Bytes { content_type, body } => Ok(Answer::whole(&content_type, body)),
            Payload::Json(body) if streamed => Ok(chunks(vec![body])),
            Payload::Json(body) => Ok(Answer::json(body.to_string())),
            Payload::Chunks(bodies) => Ok(chunks(bodies)),
            Payload::Events(events) => self.chat(Said::Events(events), operation, received),
            Payload::Response(response) => self.chat(Said::Response(response), operation, received),
            Payload::Content { .. } => Err(Exception::new("InternalServerException")),
        }
    }

    /// An answer in Converse's terms, in the form that was asked for.
    fn chat(
        &self,
        said: Said,
        operation: Operation,
        received: &ReceivedRequest,
    ) -> Result<Answer, Exception> {
        match operation {
            Operation::Converse => whole(&said.whole()),
            Operation::ConverseStream => stream(&said.events()),
            Operation::InvokeModel => Native::open(&self.registry, received)?.whole(&said.whole()),
            Operation::InvokeModelWithResponseStream => {
                Native::open(&self.registry, received)?.stream(&said.events())
            }
            other => {
                let message = format!("the script has a chat answer for {other}; use `Reply::json`");
                Err(Exception::new("InternalServerException").message(message))
            }
        }
    }

    fn offline(
        &self,
        operation: Operation,
        received: &ReceivedRequest,
    ) -> Result<(Answer, Option<Mishap>), Exception> {
        let id = received.guardrail.as_ref().map_or(received.model_id.as_str(), |(id, _)| id.as_str());
        // in an ARN, too, which is how some operations name a model
        let base = received.model();
        let id = base.base().filter(|_| base.is_arn()).unwrap_or(id);
        if let Some(name) = id.strip_prefix(ERROR) {
            return Err(on_demand(name, id)?);
        }
        if !self.offline {
            let message = format!("no scripted reply and no recording for this {operation} of {id}");
            return Err(Exception::new("ResourceNotFoundException").message(message));
        }
        let streamed =
            matches!(operation, Operation::ConverseStream | Operation::InvokeModelWithResponseStream);
        if let (Some(name), true) = (id.strip_prefix(STREAM_ERROR), streamed) {
            return self.breaking(on_demand(name, id)?, operation, received);
        }
        let started = Instant::now();
        let asked = refusal::check(operation, received, &self.registry, self.catalog())?;
        let answer = match (asked, operation) {
            (Asked::Chat(request), _) => self.chat(self.respond(&request, started), operation, received)?,
            (Asked::Embed(it), _) => it.answer(self.catalog(), started)?,
            (Asked::Rerank(it), _) => it.answer(self.catalog(), started)?,
            (Asked::Other, Operation::InvokeModel | Operation::InvokeModelWithResponseStream) => {
                let native = Native::open(&self.registry, received)?;
                let mut request = native.request(received.model())?;
                if let Some(id) = received.header("x-amzn-bedrock-guardrailidentifier") {
                    request.guardrail_config.get_or_insert_default().guardrail_identifier =
                        Some(id.to_owned());
                }
                let said = self.respond(&request, started);
                if streamed { native.stream(&said.events())? } else { native.whole(&said.whole())? }
            }
            (Asked::Other, Operation::CountTokens) => self.count_tokens(received)?,
            (Asked::Other, Operation::ApplyGuardrail) => offline::apply_guardrail(received)?,
            (Asked::Other, other) => {
                return Err(
                    Exception::new("UnknownOperationException").message(format!("{other} is not served"))
                );
            }
        };
        Ok((answer, None))
    }

    fn respond(&self, request: &ChatRequest, started: Instant) -> Said {
        let profile = self.catalog().profile(&request.model);
        Said::Events(offline::respond(request, &self.prompt_cache, &profile, started))
    }

    /// A stream that breaks after three deltas, or three chunks.
    fn breaking(
        &self,
        exception: Exception,
        operation: Operation,
        received: &ReceivedRequest,
    ) -> Result<(Answer, Option<Mishap>), Exception> {
        let events = offline::breaking_events();
        let answer = self.chat(Said::Events(events.clone()), operation, received)?;
        let is_delta =
            |(_, event): &(usize, &StreamEvent)| matches!(event, StreamEvent::ContentBlockDelta(_));
        let third_delta =
            events.iter().enumerate().filter(is_delta).nth(DELTAS - 1).map(|(place, _)| place + 1);
        let frames = match operation {
            Operation::ConverseStream => third_delta.unwrap_or(DELTAS),
            _ => DELTAS,
        };
        Ok((answer, Some(Mishap::Exception(frames, Box::new(exception)))))
    }

    fn count_tokens(&self, received: &ReceivedRequest) -> Result<Answer, Exception> {
        let model = received.model();
        let request: CountTokensRequest = refusal::read(received)?;
        let request = match request.input {
            CountTokensInput::Converse(parts) => ChatRequest {
                messages: parts.messages,
                system: parts.system,
                tool_config: parts.tool_config,
                ..ChatRequest::new(model)
            },
            CountTokensInput::InvokeModel(native) => {
                let inner = ReceivedRequest::new("POST", &received.path, Vec::new(), native.body.0, None);
                Native::open(&self.registry, &ReceivedRequest { model_id: model.to_string(), ..inner })?
                    .request(model)?
            }
            _ => {
                return Err(Exception::validation(
                    "Exactly one of invokeModel and converse must be given as input.",
                ));
            }
        };
        Ok(Answer::json(json!({"inputTokens": offline::count(&request)}).to_string()))
    }
}

/// An answer in Converse's terms.
enum Said {
    Events(Vec<StreamEvent>),
    Response(Box<ChatResponse>),
}

impl Said {
    fn events(self) -> Vec<StreamEvent> {
        match self {
            Self::Events(events) => events,
            Self::Response(response) => offline::streamed(&response),
        }
    }

    fn whole(self) -> ChatResponse {
        match self {
            Self::Events(events) => {
                let mut answer = Accumulator::new();
                events.iter().for_each(|event| answer.push(event));
                answer.response()
            }
            Self::Response(response) => *response,
        }
    }
}

fn whole(response: &ChatResponse) -> Result<Answer, Exception> {
    serde_json::to_vec(response).map(Answer::json).map_err(|error| internal(&error))
}

fn internal(error: &serde_json::Error) -> Exception {
    Exception::new("InternalServerException").message(format!("the answer cannot be written: {error}"))
}

fn stream(events: &[StreamEvent]) -> Result<Answer, Exception> {
    let frames: Result<_, _> = events.iter().map(frame::event).collect();
    frames.map(Answer::stream).map_err(|error| internal(&error))
}

/// The exception a model id asks for; an error where there is none of that name.
fn on_demand(name: &str, id: &str) -> Result<Exception, Exception> {
    let exception = Exception::known(name).ok_or_else(|| {
        let names: Vec<_> = Exception::names().collect();
        Exception::validation(format!("{id}: there is no exception {name}, only {}", names.join(", ")))
    })?;
    Ok(match name {
        "ModelErrorException" => exception.member("originalStatusCode", 500).member("resourceName", id),
        "ModelStreamErrorException" => exception
            .member("originalStatusCode", 500)
            .member("originalMessage", "The model failed, as asked."),
        _ => exception,
    })
}

//! One caller: calls of every kind, one after the other, each answer held against what was asked for.

use std::time::Instant;

use bedrock_llm_client::Client;
use bedrock_llm_schema::{
    CallOptions, ChatRequest, CountTokensRequest, Error, ErrorKind, InvokeRequest, StreamRecovery,
};
use serde_json::Value;

use crate::tally::{Outcome, Tally};

const NOVA: &str = "us.amazon.nova-lite-v1:0";
const CLAUDE: &str = "anthropic.claude-3-5-haiku-20241022-v1:0";

/// What is asked.
const KINDS: &[&str] =
    &["chat", "stream", "stream, restarted", "stream, continued", "native chat", "native stream", "count"];

pub(crate) struct Caller {
    client: Client,
    random: fastrand::Rng,
    number: u32,
}

impl Caller {
    pub(crate) fn new(client: Client, seed: u64, number: u32) -> Self {
        let random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)));
        Self { client, random, number }
    }

    pub(crate) async fn run(mut self, until: Instant) -> Tally {
        let mut tally = Tally::default();
        let mut turn = 0;
        while Instant::now() < until {
            turn += 1;
            let words = self.words(turn);
            let kind = KINDS[self.random.usize(..KINDS.len())];
            let started = Instant::now();
            let answer = self.ask(kind, &words).await;
            let outcome = match answer {
                Ok(text) if text == words => Outcome::Answered,
                Ok(text) => Outcome::Wrong(format!("{kind}: asked for {words:?}, got {text:?}")),
                Err(error) => Outcome::Failed(error),
            };
            tally.note(kind, outcome, started.elapsed());
        }
        tally
    }

    /// Words that no other call asks for.
    fn words(&mut self, turn: u32) -> String {
        let some = ["alpha", "beta", "gamma", "delta", "epsilon"];
        let more = (0..self.random.usize(2..12)).map(|_| some[self.random.usize(..some.len())]);
        let more: Vec<_> = more.collect();
        format!("caller {} turn {turn} {}", self.number, more.join(" "))
    }

    async fn ask(&self, kind: &str, words: &str) -> Result<String, Error> {
        let say = |model: &str| ChatRequest::new(model).message(format!("say {words}"));
        let recovering = |recovery| self.client.with(CallOptions::new().recovery(recovery));
        match kind {
            "chat" => Ok(self.client.chat(say(NOVA)).await?.text()),
            "stream" => read(&self.client, say(NOVA)).await,
            "stream, restarted" => read(&recovering(StreamRecovery::Restart), say(NOVA)).await,
            "stream, continued" => read(&recovering(StreamRecovery::Continue), say(CLAUDE)).await,
            "native chat" => {
                let answer = self.client.invoke(native(words)).await?;
                text_of(&answer.body)
            }
            "native stream" => {
                let mut stream = self.client.invoke_stream(native(words)).await?;
                let mut text = String::new();
                while let Some(chunk) = stream.next().await {
                    text.push_str(&text_of(&chunk?)?);
                }
                Ok(text)
            }
            _ => {
                let counted = self.client.count_tokens(CountTokensRequest::from(say(CLAUDE))).await?;
                Ok(if counted.input_tokens > 0 { words.to_owned() } else { "no tokens".to_owned() })
            }
        }
    }
}

/// Reads a stream as a consumer does that shows text as it comes: what was discarded is gone, all else is there once.
async fn read(client: &Client, request: ChatRequest) -> Result<String, Error> {
    let mut stream = client.chat_stream(request).await?;
    let mut shown = String::new();
    while let Some(event) = stream.next().await {
        let event = event?;
        if event.is_restart() {
            shown.clear();
        }
        shown.push_str(event.as_text().unwrap_or_default());
    }
    // what the stream itself has put together is the same
    let folded = stream.response().text();
    Ok(if folded == shown { shown } else { format!("shown {shown:?}, folded {folded:?}") })
}

fn native(words: &str) -> InvokeRequest {
    let body = format!(
        r#"{{"anthropic_version":"bedrock-2023-05-31","max_tokens":500,"messages":[{{"role":"user","content":[{{"type":"text","text":"say {words}"}}]}}]}}"#
    );
    InvokeRequest::new(CLAUDE, body)
}

/// The text in a body or chunk of Anthropic's. Native bodies are handed over as they come, so that it is the caller who
/// finds that one is no JSON.
fn text_of(body: &[u8]) -> Result<String, Error> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Error::new(ErrorKind::Decode, "a native body is no JSON").with_source(error))?;
    let text = body.pointer("/content/0/text").or_else(|| body.pointer("/delta/text"));
    Ok(text.and_then(Value::as_str).unwrap_or_default().to_owned())
}

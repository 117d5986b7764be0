//! Teaches client and local endpoint a model family of one's own: one type that implements [`Provider`], one
//! `register` call. The family here takes `{"question", "limit"}` and answers `{"answer", "why"}`.

use bedrock_llm::client::ApiMode;
use bedrock_llm::local::LocalBedrock;
use bedrock_llm::providers::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Registry, Spelling,
    StreamDecoder, StreamEncoder,
};
use bedrock_llm::schema::{OnUnsupported, StopReason, Usage};
use bedrock_llm::{ChatRequest, ChatResponse, Client, Message, StreamEvent};
use bytes::Bytes;
use serde_json::{Value, json};

#[derive(Debug)]
struct Acme;

const NAME: &str = "acme";

impl Provider for Acme {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        let mut dropped = Vec::new();
        if request.tool_config.is_some() {
            match options.on_unsupported {
                OnUnsupported::Degrade | OnUnsupported::Warn => dropped.push("toolConfig".to_owned()),
                _ => {
                    let (what, path) = ("tools".to_owned(), "toolConfig".to_owned());
                    return Err(CodecError::Unsupported { family: NAME, what, path });
                }
            }
        }
        let question = request.messages.last().map(Message::text);
        let limit = request.inference_config.as_ref().and_then(|config| config.max_tokens);
        Ok(Encoded { body: json!({"question": question, "limit": limit}).to_string().into(), dropped })
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        let body = parse("response", body)?;
        let usage =
            Usage::new(metrics.input_token_count.unwrap_or(0), metrics.output_token_count.unwrap_or(0));
        Ok(ChatResponse::new(Message::assistant(text(&body["answer"])), why(&body["why"]), usage))
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(Chunks { begun: false })
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        let body = parse("request", body)?;
        let mut request = ChatRequest::default().message(text(&body["question"]));
        if let Some(limit) = body["limit"].as_u64() {
            request = request.max_tokens(u32::try_from(limit).unwrap_or(u32::MAX));
        }
        Ok(Decoded { request, spelling: Spelling::default(), is_chat: true })
    }

    fn encode_response(&self, response: &ChatResponse, _: &Spelling) -> Result<Bytes, CodecError> {
        Ok(json!({"answer": response.text(), "why": response.stop_reason.as_str()}).to_string().into())
    }

    fn stream_encoder(&self, _: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(Chunks { begun: false })
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        Ok(parse("request", body)?.to_string().into())
    }
}

/// A stream of this family is a piece of the answer per chunk, and why it ended in the last.
#[derive(Debug)]
struct Chunks {
    begun: bool,
}

impl StreamDecoder for Chunks {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        let chunk = parse("chunk", chunk)?;
        let mut events = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            events.push(StreamEvent::message_start());
        }
        if let Some(piece) = chunk["answer"].as_str() {
            events.push(StreamEvent::text(0, piece));
        }
        if chunk.get("why").is_some() {
            events.extend([StreamEvent::block_stop(0), StreamEvent::message_stop(why(&chunk["why"]))]);
        }
        Ok(events)
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        Vec::new()
    }
}

impl StreamEncoder for Chunks {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        let chunk = match event {
            StreamEvent::MessageStop(stop) => json!({"why": stop.stop_reason.as_str()}),
            event => match event.as_text() {
                Some(piece) => json!({"answer": piece}),
                None => return Ok(Vec::new()),
            },
        };
        Ok(vec![chunk.to_string().into()])
    }
}

fn parse(what: &'static str, body: &[u8]) -> Result<Value, CodecError> {
    let malformed = |source| CodecError::Malformed { family: NAME, what, path: ".".to_owned(), source };
    serde_json::from_slice(body).map_err(malformed)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn why(value: &Value) -> StopReason {
    StopReason::from(text(value))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let registry = Registry::builtin().register(|model| model.provider() == Some("acme"), Acme);

    // this family exists nowhere but here, so the local endpoint plays it
    let local = LocalBedrock::builder().registry(registry.clone()).start().await?;
    let client = Client::builder()
        .region("us-east-1")
        .credentials("local", "local", None)
        .endpoint_url(local.endpoint())
        .registry(registry)
        .api_mode(ApiMode::Invoke)
        .build()
        .await?;

    let request = ChatRequest::new("acme.oracle-v1:0").message("Say hello to Ada.").max_tokens(50);
    println!("{}", client.chat(request.clone()).await?);
    println!("{}", client.chat_stream(request).await?.collect().await?);
    Ok(())
}

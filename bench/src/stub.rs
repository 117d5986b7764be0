//! A server that answers at once: any request to `…/converse` with one body, to `…/converse-stream` with one stream.
//! `…/invoke` is answered after [`LATENCY`] with the vectors of the model in the path. Or the local endpoint in its place.

use std::collections::HashMap;
use std::io::{self, BufRead as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bedrock_llm_local::{FaultPlan, FaultRule, LocalBedrock};
use bedrock_llm_schema::{ChatResponse, StopReason, StreamEvent, Usage};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::embed::answers::{cohere_body, titan_body};

/// Deltas in a streamed answer.
pub(crate) const DELTAS: u32 = 400;

/// What vectors are waited for.
pub(crate) const LATENCY: Duration = Duration::from_millis(5);

/// The server in a process of its own, killed when the benchmark ends, however it ends.
pub(crate) struct Stub {
    child: Child,
    endpoint: String,
}

impl Stub {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::with(&["stub"])
    }

    /// The local endpoint, late by [`LATENCY`], in the stub's place.
    pub(crate) fn local() -> anyhow::Result<Self> {
        Self::with(&["stub", "--local"])
    }

    fn with(args: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args(args).stdout(Stdio::piped()).spawn()?;
        let mut stub = Self { child, endpoint: String::new() };
        let stdout = stub.child.stdout.take().context("the stub has no output")?;
        io::BufReader::new(stdout).read_line(&mut stub.endpoint)?;
        Ok(stub)
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.trim()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whole responses that are ready.
struct Answers {
    unary: Vec<u8>,
    stream: Vec<u8>,
    titan: Vec<u8>,
    /// By how many texts were sent, since that is all they depend on.
    cohere: Mutex<HashMap<usize, Arc<Vec<u8>>>>,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    local: bool,
}

pub(crate) async fn serve(args: &Args) -> anyhow::Result<()> {
    if args.local { serve_local().await } else { serve_canned().await }
}

async fn serve_local() -> anyhow::Result<()> {
    let late = FaultPlan::new([FaultRule::latency(LATENCY)])?;
    let local = LocalBedrock::builder().keep_received(0).faults(late).start().await?;
    println!("{}", local.endpoint());
    // it is killed
    std::future::pending().await
}

async fn serve_canned() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let answers = Arc::new(Answers {
        unary: response("application/json", &unary_body()?),
        stream: response("application/vnd.amazon.eventstream", &stream_body()?),
        titan: response("application/json", &titan_body(1024)),
        cohere: Mutex::default(),
    });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            // the client closes the connection when the benchmark ends
            let _ = answers.to(socket).await;
        });
    }
}

impl Answers {
    async fn to(&self, socket: TcpStream) -> anyhow::Result<()> {
        let mut socket = BufReader::new(socket);
        loop {
            let (mut line, mut length, mut path) = (String::new(), 0, None);
            loop {
                line.clear();
                if socket.read_line(&mut line).await? == 0 {
                    return Ok(());
                }
                path.get_or_insert_with(|| line.clone());
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().context("content-length")?;
                }
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            socket.read_exact(&mut body).await?;
            let path = path.unwrap_or_default();
            if path.contains("/converse-stream") {
                socket.write_all(&self.stream).await?;
            } else if !path.contains("/invoke") {
                socket.write_all(&self.unary).await?;
            } else {
                sleep(LATENCY).await;
                if path.contains("titan") {
                    socket.write_all(&self.titan).await?;
                } else {
                    socket.write_all(&self.cohere(&body)?).await?;
                }
            }
            socket.flush().await?;
        }
    }

    fn cohere(&self, request: &[u8]) -> anyhow::Result<Arc<Vec<u8>>> {
        #[derive(serde::Deserialize)]
        struct Request {
            texts: Vec<String>,
        }
        let texts = serde_json::from_slice::<Request>(request)?.texts;
        let mut ready = self.cohere.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = ready.get(&texts.len()) {
            return Ok(Arc::clone(answer));
        }
        let answer = Arc::new(response("application/json", &cohere_body(1536, &texts)?));
        ready.insert(texts.len(), Arc::clone(&answer));
        Ok(answer)
    }
}

fn response(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
         x-amzn-requestid: 11111111-2222-3333-4444-555555555555\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn unary_body() -> anyhow::Result<Vec<u8>> {
    let text = "The moons of Mars are Phobos and Deimos. ".repeat(10);
    let message = bedrock_llm_schema::Message::assistant(text);
    Ok(serde_json::to_vec(&ChatResponse::new(message, StopReason::EndTurn, Usage::new(120, 100)))?)
}

fn stream_body() -> anyhow::Result<Vec<u8>> {
    let mut events = vec![StreamEvent::message_start()];
    events.extend((0..DELTAS).map(|_| StreamEvent::text(0, "twelve chars")));
    events.push(StreamEvent::block_stop(0));
    events.push(StreamEvent::message_stop(StopReason::EndTurn));
    events.push(StreamEvent::metadata(Usage::new(120, 400), 900));
    let mut body = Vec::new();
    for event in &events {
        let (kind, mut payload) = event.to_frame()?;
        if payload.ends_with(b"}") {
            // the service pads every event
            payload.pop();
            payload.extend_from_slice(br#","p":"abcdefghijklmnop"}"#);
        }
        let header =
            |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
        let frame = Message::new(payload)
            .add_header(header(":event-type", kind))
            .add_header(header(":content-type", "application/json"))
            .add_header(header(":message-type", "event"));
        write_message_to(&frame, &mut body)?;
    }
    Ok(body)
}

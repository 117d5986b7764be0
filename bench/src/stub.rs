//! A server that answers at once: any request to `…/converse` with one body, to `…/converse-stream` with one stream.

use anyhow::Context as _;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bedrock_llm_schema::{ChatResponse, StopReason, StreamEvent, Usage};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Deltas in a streamed answer.
pub(crate) const DELTAS: u32 = 400;

pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let unary: &'static [u8] = response("application/json", &unary_body()?).leak();
    let stream: &'static [u8] = response("application/vnd.amazon.eventstream", &stream_body()?).leak();
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            // the client closes the connection when the benchmark ends
            let _ = answer(socket, unary, stream).await;
        });
    }
}

async fn answer(socket: TcpStream, unary: &[u8], stream: &[u8]) -> anyhow::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let (mut line, mut length, mut streamed) = (String::new(), 0, false);
        loop {
            line.clear();
            if socket.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let lower = line.to_ascii_lowercase();
            streamed |= lower.contains("/converse-stream");
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().context("content-length")?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        socket.read_exact(&mut body).await?;
        socket.write_all(if streamed { stream } else { unary }).await?;
        socket.flush().await?;
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

//! Converse and ConverseStream, ours beside the raw SDK's.

use anyhow::ensure;
use aws_credential_types::Credentials;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput, Message,
};
use bedrock_llm_client::Client;
use bedrock_llm_schema::ChatRequest;

use crate::measure::Rounds;
use crate::stub::{DELTAS, Stub};

const MODEL: &str = "us.amazon.nova-lite-v1:0";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds for each of the two.
    #[arg(long, default_value_t = 21)]
    rounds: u32,
    /// Converse calls in a round.
    #[arg(long, default_value_t = 400)]
    calls: u32,
    /// Streams in a round.
    #[arg(long, default_value_t = 40)]
    streams: u32,
    /// Without the client's layers.
    #[arg(long)]
    bare: bool,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let stub = Stub::start()?;
    let endpoint = stub.endpoint();

    let sdk = sdk(endpoint);
    let builder = if args.bare { Client::bare() } else { Client::builder() };
    let ours = builder
        .region("us-east-1")
        .credentials("AKIALOCAL", "local", None)
        .endpoint_url(endpoint)
        .build()
        .await?;

    let question = "Tell me about the moons of Mars, please. ".repeat(12);
    let (mut sdk_unary, mut our_unary) = (Rounds::default(), Rounds::default());
    let (mut sdk_stream, mut our_stream) = (Rounds::default(), Rounds::default());
    // one round to warm up, its values thrown away
    for round in 0..=args.rounds {
        let mut spare = [Rounds::default(), Rounds::default(), Rounds::default(), Rounds::default()];
        let [a, b, c, d] = if round == 0 {
            spare.each_mut()
        } else {
            [&mut sdk_unary, &mut our_unary, &mut sdk_stream, &mut our_stream]
        };
        if round % 2 == 0 {
            a.measure(args.calls, sdk_converse(&sdk, &question, args.calls)).await?;
            b.measure(args.calls, our_converse(&ours, &question, args.calls)).await?;
            c.measure(args.streams, sdk_streams(&sdk, &question, args.streams)).await?;
            d.measure(args.streams, our_streams(&ours, &question, args.streams)).await?;
        } else {
            b.measure(args.calls, our_converse(&ours, &question, args.calls)).await?;
            a.measure(args.calls, sdk_converse(&sdk, &question, args.calls)).await?;
            d.measure(args.streams, our_streams(&ours, &question, args.streams)).await?;
            c.measure(args.streams, sdk_streams(&sdk, &question, args.streams)).await?;
        }
    }
    println!(
        "client CPU (user + system), median of {} rounds [quartiles]; loopback, one call at a time",
        args.rounds
    );
    report("Converse, per call", &sdk_unary, &our_unary, 1);
    report("ConverseStream, per delta", &sdk_stream, &our_stream, DELTAS);
    Ok(())
}

fn report(what: &str, sdk: &Rounds, ours: &Rounds, parts: u32) {
    let micros = |rounds: &Rounds, share| (rounds.quantile(share) / parts).as_nanos() as f64 / 1000.0;
    let line = |rounds| {
        format!("{:>8.2} µs [{:.2}, {:.2}]", micros(rounds, 0.5), micros(rounds, 0.25), micros(rounds, 0.75))
    };
    let ratio = ours.median().as_secs_f64() / sdk.median().as_secs_f64();
    println!("{what:<28} raw SDK {}   bedrock-llm {}   ratio {ratio:.2} (bar: 1.10)", line(sdk), line(ours));
}

fn sdk(endpoint: &str) -> aws_sdk_bedrockruntime::Client {
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIALOCAL", "local", None, None, "bench"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    aws_sdk_bedrockruntime::Client::from_conf(config)
}

fn sdk_message(question: &str) -> anyhow::Result<Message> {
    Ok(Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(question.to_owned()))
        .build()?)
}

async fn sdk_converse(
    client: &aws_sdk_bedrockruntime::Client,
    question: &str,
    calls: u32,
) -> anyhow::Result<()> {
    for _ in 0..calls {
        let response = client.converse().model_id(MODEL).messages(sdk_message(question)?).send().await?;
        ensure!(response.usage.is_some_and(|usage| usage.output_tokens == 100));
    }
    Ok(())
}

async fn our_converse(client: &Client, question: &str, calls: u32) -> anyhow::Result<()> {
    for _ in 0..calls {
        let response = client.chat(ChatRequest::new(MODEL).message(question)).await?;
        ensure!(response.usage.output_tokens == 100);
    }
    Ok(())
}

async fn sdk_streams(
    client: &aws_sdk_bedrockruntime::Client,
    question: &str,
    streams: u32,
) -> anyhow::Result<()> {
    for _ in 0..streams {
        let mut response =
            client.converse_stream().model_id(MODEL).messages(sdk_message(question)?).send().await?;
        let mut text = String::new();
        while let Some(event) = response.stream.recv().await? {
            if let ConverseStreamOutput::ContentBlockDelta(event) = event
                && let Some(ContentBlockDelta::Text(piece)) = event.delta
            {
                text.push_str(&piece);
            }
        }
        ensure!(text.len() == DELTAS as usize * 12);
    }
    Ok(())
}

async fn our_streams(client: &Client, question: &str, streams: u32) -> anyhow::Result<()> {
    for _ in 0..streams {
        let mut stream = client.chat_stream(ChatRequest::new(MODEL).message(question)).await?;
        let mut text = String::new();
        while let Some(event) = stream.next().await {
            if let Some(piece) = event?.as_text() {
                text.push_str(piece);
            }
        }
        ensure!(text.len() == DELTAS as usize * 12);
    }
    Ok(())
}

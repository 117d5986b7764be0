//! A client meets faults: throttling, a stream that breaks, a model that is down, and its shutdown.

use std::time::Duration;

use bedrock_llm::client::layers::{CircuitBreakerConfig, FailoverConfig, FailoverTarget, RetryConfig};
use bedrock_llm::local::{LocalBedrock, Reply};
use bedrock_llm::schema::{CallOptions, Operation, StreamRecovery};
use bedrock_llm::{ChatRequest, Client};

const MODEL: &str = "us.amazon.nova-lite-v1:0";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // what production does, on purpose
    let local = LocalBedrock::builder()
        .reply(Reply::exception("ThrottlingException").times(2))
        .reply(Reply::text("one two three four five").on(Operation::ConverseStream).cut_after(4))
        .start()
        .await?;
    let client = Client::builder()
        .region("us-east-1")
        .credentials("local", "local", None)
        .endpoint_url(local.endpoint())
        .retry(RetryConfig::default().base_delay(Duration::from_millis(10)))
        .circuit_breaker(CircuitBreakerConfig::default().min_calls(3))
        .failover(
            FailoverConfig::default()
                .model("local.error.ServiceUnavailableException", [FailoverTarget::model(MODEL)]),
        )
        .build()
        .await?;

    let answer = client.chat(ChatRequest::new(MODEL).message("Say hello to Ada.")).await?;
    println!("throttled twice: {answer} ({} requests)", local.received().len());

    let restarting = client.with(CallOptions::new().recovery(StreamRecovery::Restart));
    let mut stream =
        restarting.chat_stream(ChatRequest::new(MODEL).message("Count from one to five.")).await?;
    while let Some(event) = stream.next().await {
        let event = event?;
        if event.is_restart() {
            print!(" [broken: it begins anew] ");
        }
        print!("{}", event.as_text().unwrap_or_default());
    }
    println!();

    let down = ChatRequest::new("local.error.ServiceUnavailableException").message("Say hello to Bo.");
    let answer = client.chat(down).await?;
    if let Some(by) = &answer.answered_by {
        println!("{} did not answer, {} did: {answer}", by.moves[0].model, by.model);
    }
    if let Some(breaker) = client.circuit_breaker() {
        for circuit in breaker.states() {
            println!("circuit of {}: {:?}", circuit.model, circuit.state);
        }
    }
    println!("{} calls were under way at the end", client.shutdown(Duration::from_secs(5)).await);
    Ok(())
}

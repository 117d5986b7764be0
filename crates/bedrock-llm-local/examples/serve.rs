//! Serves the offline responder until it is stopped: `cargo run -p bedrock-llm-local --example serve -- 8080`.

use bedrock_llm_local::LocalBedrock;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let local = LocalBedrock::builder().port(port).start().await?;
    println!("{}", local.endpoint());
    local.wait().await;
    Ok(())
}

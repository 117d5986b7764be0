//! Asks once and prints the answer.

use bedrock_llm::ChatRequest;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;

    let request = ChatRequest::new("us.amazon.nova-lite-v1:0")
        .system("The office opens at nine and closes at five.")
        .message("When does the office open?")
        .max_tokens(200);
    let response = client.chat(request).await?;

    println!("{response}");
    println!(
        "{} tokens in, {} out, stopped by {}",
        response.usage.total_input(),
        response.usage.output_tokens,
        response.stop_reason
    );
    Ok(())
}

//! Prints an answer as it comes, and keeps what came if the stream breaks.

use std::io::Write as _;

use bedrock_llm::ChatRequest;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;

    let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Tell me a long story about the sea.");
    let mut stream = client.chat_stream(request).await?;
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => print!("{}", event.as_text().unwrap_or_default()),
            Err(error) => {
                let so_far = error.partial().map(|partial| partial.text().len()).unwrap_or_default();
                eprintln!("\nthe stream broke after {so_far} bytes of text: {error}");
                return Err(error.into());
            }
        }
        std::io::stdout().flush()?;
    }
    let response = stream.response();
    println!("\n{} tokens out, stopped by {}", response.usage.output_tokens, response.stop_reason);
    Ok(())
}

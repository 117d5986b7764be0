//! Shows an image to a model. The format is recognised from the bytes.

use bedrock_llm::schema::ImageBlock;
use bedrock_llm::{ChatRequest, Message};

/// A picture of one red pixel, so that the example needs no file.
const PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0,
    1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xDE, 0, 0, 0, 12, b'I', b'D', b'A', b'T', 0x08, 0xD7, 0x63, 0xF8,
    0xCF, 0xC0, 0, 0, 3, 1, 1, 0, 0x18, 0xDD, 0x8D, 0xB0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xAE, 0x42,
    0x60, 0x82,
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;

    let image = match std::env::args().nth(1) {
        Some(path) => ImageBlock::from_path(path)?,
        None => ImageBlock::from_bytes(PIXEL)?,
    };
    let question = Message::user(image).with("What is on this picture?");
    let request =
        ChatRequest::new("us.anthropic.claude-sonnet-4-5-20250929-v1:0").message(question).max_tokens(300);
    println!("{}", client.chat(request).await?);
    Ok(())
}

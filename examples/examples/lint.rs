//! Finds what Bedrock would refuse before anything is sent, and mends what can be mended. The same from the shell:
//! `bedrock-llm lint request.json --fix`.

use bedrock_llm::schema::{Catalog, Normalizer, ToolResultBlock, ToolUseBlock};
use bedrock_llm::{ChatRequest, Message, ModelId, ToolSpec};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let model = ModelId::from("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let request = ChatRequest::new(model.clone())
        .tool(ToolSpec::new("files.read", "Reads a file", json!({"type": "object"})))
        .message("What is in notes.txt?")
        .message(Message::assistant(ToolUseBlock::new("t1", "files.read", json!({"path": "notes.txt"}))))
        .message(ToolResultBlock::text("t1", ""))
        .message("And what does it mean?");

    let profile = Catalog::builtin().profile(&model);
    for violation in request.check(&profile).err().iter().flat_map(|violations| &violations.0) {
        println!("refused: {violation}");
    }

    let normalized = Normalizer::new().normalize(request, &profile);
    for change in &normalized.changes {
        println!("changed: {change}");
    }
    normalized.request.check(&profile)?;
    println!("now it keeps every rule");
    Ok(())
}

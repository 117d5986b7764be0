//! Gives a model a tool and runs it: call, result, answer. Agents do this by themselves: see `agent.rs`.

use bedrock_llm::schema::{StopReason, ToolResultBlock};
use bedrock_llm::{ChatRequest, Message, ToolSpec};
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;

    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string", "description": "City name"}},
        "required": ["city"]
    });
    let mut request = ChatRequest::new("us.amazon.nova-lite-v1:0")
        .message("What is the weather in Paris?")
        .tool(ToolSpec::new("get_weather", "Current weather in a city", schema))
        .max_tokens(300);

    for _round in 0..5 {
        let response = client.chat(request.clone()).await?;
        if response.stop_reason != StopReason::ToolUse {
            println!("{response}");
            return Ok(());
        }
        // every call of a turn is answered in one turn of the user, in any order
        let results = response.message.tool_uses().map(|call| {
            println!("the model calls {} with {}", call.name, call.input);
            ToolResultBlock::json(&call.tool_use_id, json!({"celsius": 21, "sky": "clear"}))
        });
        let results = Message::new(bedrock_llm::schema::Role::User, results);
        request = request.message(response.message.clone()).message(results);
    }
    anyhow::bail!("the model kept calling tools")
}

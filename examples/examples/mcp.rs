//! Tools of an MCP server beside one of our own: this program starts itself as the server, which any server's command or
//! URL may stand for.

use bedrock_llm::agent::mcp::McpServer;
use bedrock_llm::agent::{Context, ToolRegistry, ToolResult, tool_fn};
use bedrock_llm::schema::{StopReason, ToolResultBlock};
use bedrock_llm::{ChatRequest, Message};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{ServiceExt as _, tool, tool_router};
use tokio::process::Command;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    /// The city's name.
    city: String,
}

/// The server, as the protocol's SDK has it.
struct Atlas;

#[tool_router(server_handler)]
impl Atlas {
    #[tool(name = "weather.now", description = "The weather in a city.", annotations(read_only_hint = true))]
    fn weather(&self, Parameters(at): Parameters<City>) -> String {
        format!("{}: 21 degrees, no wind", at.city)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().any(|argument| argument == "serve") {
        Atlas.serve(rmcp::transport::stdio()).await?.waiting().await?;
        return Ok(());
    }

    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve");
    let server = McpServer::stdio(command).prefix("atlas_").connect().await?;
    let own = tool_fn("clap", "Claps hands.", |_: City, _| async { ToolResult::Ok("clap") });
    let mut tools = ToolRegistry::new().with(own)?;
    tools.merge(&server.tools().await?)?;
    for tool in tools.available_tools() {
        println!("{}: may be run twice: {}", tool.spec.name, tool.policy.is_idempotent);
    }

    let (builder, _local) = examples::connect().await?;
    let client = builder.build().await?;
    let mut request =
        ChatRequest::new("us.amazon.nova-lite-v1:0").message("What is the weather in Paris?").max_tokens(300);
    request.tool_config = tools.filtered(|tool| tool.spec.name.starts_with("atlas_")).config();
    let context = Context::new();
    for _round in 0..5 {
        let response = client.chat(request.clone()).await?;
        if response.stop_reason != StopReason::ToolUse {
            println!("{response}");
            server.close().await;
            return Ok(());
        }
        let mut results: Vec<ToolResultBlock> = Vec::new();
        for call in response.message.tool_uses() {
            println!("the model calls {} with {}", call.name, call.input);
            results.push(tools.invoke(call, &context).await.into_result(&call.tool_use_id));
        }
        let results = Message::new(bedrock_llm::schema::Role::User, results);
        request = request.message(response.message.clone()).message(results);
    }
    anyhow::bail!("the model kept calling tools")
}

//! An agent that works with tools in a session: it remembers, and its memory keeps the conversation short.

use std::io::Write as _;

use bedrock_llm::Agent;
use bedrock_llm::agent::memory::Window;
use bedrock_llm::agent::{AgentEvent, Context, tool};

/// Current weather in a city.
#[tool(timeout = "5s")]
async fn get_weather(
    /// The city's name.
    city: String,
    context: &Context,
) -> Result<String, serde_json::Error> {
    // what tools remember is kept with the session
    let asked = context.state().get::<u32>("asked")?.unwrap_or_default();
    context.state().set("asked", asked + 1)?;
    Ok(format!("In {city} it is 21 degrees and clear."))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let agent = Agent::builder(builder.build().await?)
        .model("us.amazon.nova-lite-v1:0")
        .system("You help travellers. Be brief.")
        .tool(get_weather)
        // the model is told the last ten questions, each with all that came of it
        .memory(Window::new(10))
        .build()?
        .session("ada");

    for question in ["What is the weather in Paris?", "And what is the weather in Oslo?"] {
        println!("> {question}");
        let mut run = agent.stream(question);
        while let Some(event) = run.next().await {
            match event? {
                AgentEvent::Text(text) => print!("{text}"),
                AgentEvent::ToolStarted(call) => println!("[{} with {}]", call.name(), call.input()),
                AgentEvent::Done(response) => {
                    println!("\n({} answers, {} tokens)", response.iterations, response.usage.total());
                }
                _ => {}
            }
            std::io::stdout().flush()?;
        }
    }

    // another process with the same store would find the same
    if let Some(session) = agent.store().load("ada").await? {
        let turns = session.conversation.messages().len();
        println!("the session has {turns} turns; the weather was asked for {} times", session.state["asked"]);
    }
    Ok(())
}

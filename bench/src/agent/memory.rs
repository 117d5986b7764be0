//! What memories cost for each turn, from the first thousand questions to the tenth.

use bedrock_llm_agent::memory::{Memory, MemoryContext, Strategy as _, TokenBudget, Window};
use bedrock_llm_client::Client;
use bedrock_llm_schema::{Conversation, Message};
use cpu_time::ProcessTime;

use super::model::{MODEL, answers};
use crate::layers::http::sdk_with;

const THOUSANDS: u32 = 10;
/// How much more a question may cost in the last thousand than in the second, when the memory has had something to cut.
const GROWTH: f64 = 2.0;

/// Prints the table; gives the memories that cost more the longer the conversation gets.
pub(super) async fn run() -> anyhow::Result<Vec<&'static str>> {
    let client = Client::builder().sdk_client(sdk_with(&answers())?).build().await?;
    println!("\n{:<30}{:>12}{:>12}{:>20}", "CPU µs a question", "2nd 1000", "10th 1000", "growth (bar)");
    let pinned = Window::new(20).pin(|message: &Message| message.text().contains("remember"));
    let mut missed = Vec::new();
    for (name, costs) in [
        ("Window of 20", live(&Window::new(20), &client).await?),
        ("Window of 20, pins", live(&pinned, &client).await?),
        ("TokenBudget of 4000", live(&TokenBudget::new(4_000), &client).await?),
    ] {
        let (early, late) =
            (costs.get(1).copied().unwrap_or_default(), costs.last().copied().unwrap_or_default());
        let growth = late / early;
        let verdict = if growth <= GROWTH {
            "pass"
        } else {
            missed.push(name);
            "FAIL"
        };
        println!("{name:<30}{early:>12.1}{late:>12.1}{:>20}", format!("{growth:.2} ({GROWTH:.2}) {verdict}"));
    }
    Ok(missed)
}

/// Puts question and answer into a conversation, and has it pruned before each answer: CPU µs a question, by thousands.
async fn live(memory: &impl Memory, client: &Client) -> anyhow::Result<Vec<f64>> {
    let profile = client.profile(&MODEL.into());
    let context = MemoryContext::new(client, &profile);
    let mut conversation = Conversation::new();
    let mut costs = Vec::new();
    for thousand in 0..THOUSANDS {
        let start = ProcessTime::now();
        for number in 0..1_000 {
            conversation
                .push(format!("Question {number} of {thousand}: how far is it to the moon from here?"))?;
            memory.prune(&mut conversation, &context).await?;
            conversation.push(Message::assistant("As far as it ever was, give or take."))?;
        }
        costs.push(start.elapsed().as_nanos() as f64 / 1_000_000.0);
    }
    Ok(costs)
}

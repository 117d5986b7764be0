//! Arguments are owned.

use bedrock_llm_agent::tool;

/// Tells the weather.
#[tool]
async fn get_weather(city: &str, days: Vec<u8>) -> String {
    format!("{city} {days:?}")
}

fn main() {}

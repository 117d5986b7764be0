//! A tool says what it does.

use bedrock_llm_agent::tool;

#[tool]
async fn get_weather(city: String) -> String {
    city
}

fn main() {}

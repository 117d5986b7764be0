use bedrock_llm_agent::tool;

struct Weather;

/// Tells the weather.
#[tool]
async fn get_weather(city: String) -> Weather {
    drop(city);
    Weather
}

fn main() {}

use bedrock_llm_agent::tool;

#[derive(serde::Deserialize)]
struct City {
    name: String,
}

/// Tells the weather.
#[tool]
async fn get_weather(
    days: u8,
    city: City,
) -> String {
    format!("{} {days}", city.name)
}

fn main() {}

//! The tool `weather`: typical weather out of a small table. It asks no service, and says so.

use bedrock_llm_agent::{Tool, ToolError, tool_fn};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// A line for a city: its name, twelve temperatures (°C, mean), twelve sums of rain (mm).
const TABLE: &str = include_str!("weather.csv");

/// What every answer says of itself.
const SOURCE: &str = "demo table of bedrock-llm: typical values by month, written by hand and rounded; no forecast, no measurement";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Asked {
    /// The city's English name, such as `Paris`.
    city: String,
    /// The number of the month; the current one without it.
    #[schemars(range(min = 1, max = 12))]
    month: Option<usize>,
}

pub(super) fn tool() -> impl Tool {
    let about =
        "Tells the typical weather of a city in a month, from a small built-in table. It is no forecast.";
    tool_fn("weather", about, |asked: Asked, _| async move {
        let month = match asked.month {
            Some(month) => month,
            None => usize::try_from(Timestamp::now().to_zoned_datetime(TimeZone::system()).month())
                .map_err(|error| ToolError::permanent(error.to_string()))?,
        };
        typical(&asked.city, month)
    })
}

fn typical(city: &str, month: usize) -> Result<Value, ToolError> {
    let wanted = city.split(',').next().unwrap_or_default().trim().to_lowercase();
    let lines = || TABLE.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let found = lines().find(|line| line.first().is_some_and(|name| name.to_lowercase() == wanted));
    let Some(line) = found else {
        let known: Vec<_> = lines().filter_map(|line| line.first().copied()).collect();
        let told = format!("the demo table has no {city}; it has: {}", known.join(", "));
        return Err(ToolError::permanent(told));
    };
    let value = |place: usize| line.get(place).and_then(|value| value.parse::<i64>().ok());
    let name = month.checked_sub(1).and_then(|place| MONTHS.get(place));
    match (name, value(month), value(month + 12)) {
        (Some(name), Some(celsius), Some(rain)) => Ok(json!({
            "city": line.first(),
            "month": name,
            "mean_celsius": celsius,
            "rain_mm": rain,
            "source": SOURCE,
        })),
        _ => Err(ToolError::permanent(format!("{month} is no month; 1 is January, 12 is December"))),
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_agent::ToolRegistry;

    use super::super::tests::call;
    use super::*;

    #[test]
    fn the_table_is_whole_and_plausible() {
        let lines: Vec<Vec<&str>> = TABLE.lines().map(|line| line.split(',').collect()).collect();
        assert!(lines.len() > 15 && lines.iter().all(|line| line.len() == 25), "{lines:?}");
        for line in lines.iter().skip(1) {
            for month in 1..=12 {
                let told = typical(line[0], month).unwrap();
                let (celsius, rain) = (told["mean_celsius"].as_i64(), told["rain_mm"].as_u64());
                assert!((-20..=40).contains(&celsius.unwrap()) && rain.unwrap() < 500, "{told}");
            }
        }
    }

    #[tokio::test]
    async fn weather_is_told_with_its_source_and_what_is_not_known_is_said() {
        let tools = ToolRegistry::new().with(tool()).unwrap();
        let (failed, told) = call(&tools, "weather", json!({"city": "paris, France", "month": 7})).await;
        assert!(!failed && told.contains("July") && told.contains("no forecast"), "{told}");
        assert!(!call(&tools, "weather", json!({"city": "Oslo"})).await.0);
        let (failed, told) = call(&tools, "weather", json!({"city": "Atlantis"})).await;
        assert!(failed && told.contains("Nairobi"), "{told}");
        for month in [0, 13] {
            let (failed, told) = call(&tools, "weather", json!({"city": "Oslo", "month": month})).await;
            assert!(failed && told.contains("/month"), "{told}");
        }
    }
}

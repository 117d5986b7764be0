//! Demo tools: small, offline, honest about it.

use std::time::{SystemTime, UNIX_EPOCH};

use bedrock_llm_schema::{ToolResultBlock, ToolSpec, ToolUseBlock};
use serde_json::{Value, json};

/// A tool that the command itself runs.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DemoTool {
    /// Made-up weather of any city.
    Weather,
    /// The time, in seconds since 1970 (UTC).
    Clock,
}

impl DemoTool {
    fn name(self) -> &'static str {
        match self {
            Self::Weather => "get_weather",
            Self::Clock => "get_time",
        }
    }

    pub(crate) fn spec(self) -> ToolSpec {
        match self {
            Self::Weather => {
                let city = json!({"type": "string", "description": "City name"});
                let schema = json!({"type": "object", "properties": {"city": city}, "required": ["city"]});
                ToolSpec::new(self.name(), "Current weather in a city", schema)
            }
            Self::Clock => {
                let schema = json!({"type": "object", "properties": {}});
                ToolSpec::new(self.name(), "Current time, in seconds since 1970 (UTC)", schema)
            }
        }
    }

    fn call(self, input: &Value) -> Result<Value, String> {
        match self {
            Self::Weather => {
                let city = input["city"]
                    .as_str()
                    .filter(|city| !city.is_empty())
                    .ok_or("`city` must be a city's name")?;
                // the same city always has the same weather: enough to show a tool at work
                let seed: u32 = city.bytes().map(u32::from).sum();
                let sky = ["clear", "cloudy", "rain", "snow"][(seed % 4) as usize];
                Ok(json!({"city": city, "celsius": seed % 35, "sky": sky, "source": "demo data"}))
            }
            Self::Clock => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
                Ok(json!({"unix_seconds": now.as_secs()}))
            }
        }
    }
}

/// Runs the tool that a model asks for; a failure is a result that the model can read.
pub(crate) fn answer(tools: &[DemoTool], call: &ToolUseBlock) -> ToolResultBlock {
    let id = call.tool_use_id.as_str();
    let result = match tools.iter().find(|tool| tool.name() == call.name) {
        Some(tool) => tool.call(&call.input),
        None => Err(format!("there is no tool named {}", call.name)),
    };
    match result {
        Ok(value) => ToolResultBlock::json(id, value),
        Err(message) => ToolResultBlock::error(id, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedrock_llm_schema::ToolResultStatus;

    #[test]
    fn a_call_is_answered_and_a_bad_one_is_told_so() {
        let tools = [DemoTool::Weather];
        let call = |name, input| answer(&tools, &ToolUseBlock::new("id", name, input));
        assert_eq!(call("get_weather", json!({"city": "Paris"})).status, None);
        assert_eq!(call("get_weather", json!({})).status, Some(ToolResultStatus::Error));
        assert_eq!(call("get_time", json!({})).status, Some(ToolResultStatus::Error));
    }
}

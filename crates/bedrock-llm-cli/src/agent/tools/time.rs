//! The tool `time`.

use bedrock_llm_agent::{Tool, ToolError, tool_fn};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde_json::{Value, json};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Place {
    /// IANA name of a zone, such as `Europe/Paris` or `UTC`. Without it: where the user is.
    zone: Option<String>,
}

pub(super) fn tool() -> impl Tool {
    tool_fn("time", "Tells the current date, weekday and time.", |place: Place, _| async move {
        let now = Timestamp::now();
        let here = match place.zone {
            Some(zone) => now.in_tz(&zone).map_err(|error| ToolError::permanent(error.to_string()))?,
            None => now.to_zoned_datetime(TimeZone::system()),
        };
        Ok::<_, ToolError>(told(&here))
    })
}

fn told(now: &ZonedDateTime) -> Value {
    json!({
        "time": now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        "weekday": now.strftime("%A").to_string(),
        "zone": now.time_zone().iana_name(),
    })
}

#[cfg(test)]
mod tests {
    use bedrock_llm_agent::ToolRegistry;

    use super::super::tests::call;
    use super::*;

    #[test]
    fn a_moment_is_told_in_a_zone() {
        let moment = Timestamp::from_second(1_767_225_600).unwrap();
        let told = told(&moment.in_tz("Asia/Tokyo").unwrap());
        let wanted =
            json!({"time": "2026-01-01T09:00:00+09:00", "weekday": "Thursday", "zone": "Asia/Tokyo"});
        assert_eq!(told, wanted);
    }

    #[tokio::test]
    async fn a_zone_that_is_none_is_refused() {
        let tools = ToolRegistry::new().with(tool()).unwrap();
        assert!(call(&tools, "time", json!({"zone": "Europe/Nowhere"})).await.0);
        for there in [json!({}), json!({"zone": "UTC"}), json!({"zone": null})] {
            let (failed, told) = call(&tools, "time", there).await;
            assert!(!failed && told.contains("weekday"), "{told}");
        }
    }
}

//! Which operation a path asks for, and of which model or guardrail.
//!
//! Model ids stand in the path percent-encoded or plain, ARNs with their `/` and `:` included, so the path is
//! read from both its ends rather than by its segments.

use bedrock_llm_schema::Operation;
use percent_encoding::percent_decode_str;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    /// The model's or the guardrail's id, decoded; empty where the body names the model.
    pub(crate) id: String,
    /// The guardrail's version, decoded.
    pub(crate) version: Option<String>,
}

const MODEL_OPERATIONS: [(&str, Operation); 5] = [
    ("/converse-stream", Operation::ConverseStream),
    ("/converse", Operation::Converse),
    ("/invoke-with-response-stream", Operation::InvokeModelWithResponseStream),
    ("/invoke", Operation::InvokeModel),
    ("/count-tokens", Operation::CountTokens),
];

/// Reads a path as it was sent; a query is not part of it. `None` for paths of no operation.
pub(crate) fn parse(raw_path: &str) -> Option<Route> {
    let path = raw_path.split('?').next().unwrap_or(raw_path);
    if let Some(rest) = path.strip_prefix("/model/") {
        let found = MODEL_OPERATIONS
            .iter()
            .find_map(|(suffix, operation)| Some((rest.strip_suffix(suffix)?, *operation)));
        let (id, operation) = found?;
        return Some(Route { operation, id: decode(id)?, version: None });
    }
    if path == "/rerank" {
        return Some(Route { operation: Operation::Rerank, id: String::new(), version: None });
    }
    let (id, version) = path.strip_prefix("/guardrail/")?.strip_suffix("/apply")?.rsplit_once("/version/")?;
    Some(Route { operation: Operation::ApplyGuardrail, id: decode(id)?, version: Some(decode(version)?) })
}

fn decode(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(path: &str) -> Option<(Operation, String)> {
        parse(path).map(|route| (route.operation, route.id))
    }

    #[test]
    fn ids_are_read_plain_and_encoded() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
        let encoded = arn.replace(':', "%3A").replace('/', "%2F");
        for path in [format!("/model/{arn}/converse"), format!("/model/{encoded}/converse?x=1")] {
            assert_eq!(id(&path), Some((Operation::Converse, arn.to_owned())), "{path}");
        }
        assert_eq!(id("/model/m/converse-stream"), Some((Operation::ConverseStream, "m".into())));
        assert_eq!(id("/model/m/invoke"), Some((Operation::InvokeModel, "m".into())));
        let stream = Operation::InvokeModelWithResponseStream;
        assert_eq!(id("/model/m/invoke-with-response-stream"), Some((stream, "m".into())));
        assert_eq!(id("/model/m/count-tokens"), Some((Operation::CountTokens, "m".into())));
    }

    #[test]
    fn guardrails_have_id_and_version() {
        let arn = "arn:aws:bedrock:us-east-1:1:guardrail/abc";
        let route = parse(&format!("/guardrail/{arn}/version/DRAFT/apply")).unwrap();
        assert_eq!((route.id.as_str(), route.version.as_deref()), (arn, Some("DRAFT")));
        assert_eq!(id("/rerank?x=1"), Some((Operation::Rerank, String::new())));
    }

    #[test]
    fn other_paths_are_none() {
        for path in [
            "",
            "/",
            "/model/m",
            "/model//converse",
            "/model/converse",
            "/model/%ff/converse",
            "/foundation-models",
            "/rerank/",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}

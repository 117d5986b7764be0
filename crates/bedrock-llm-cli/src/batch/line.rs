//! One line of the input.

use anyhow::{Context as _, bail, ensure};
use bedrock_llm_schema::{ChatRequest, ModelConfig, ModelId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::records;

/// A request with what its record in the output begins with.
#[derive(Debug)]
pub(super) struct Task {
    /// The number of its line, from 1.
    pub(super) line: usize,
    /// Its id as given, or the number of its line.
    pub(super) id: Value,
    /// Which line it was: the same text has the same hash.
    pub(super) hash: String,
    /// Whether the output has a record of it already, which the new one replaces.
    pub(super) was_done: bool,
    pub(super) request: ChatRequest,
}

/// The short form of a request.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompt {
    #[serde(default)]
    model: ModelId,
    prompt: String,
}

/// What is asked of a line, wherever it stands.
pub(super) fn hash(text: &[u8]) -> String {
    format!("{:032x}", records::hash(text))
}

/// An id as text: 7 and "7" are one.
pub(super) fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Task {
    /// Reads a line. `defaults` say what it does not: all parameters of a prompt; of Converse JSON, which has its own,
    /// model and most tokens.
    pub(super) fn read(line: usize, text: &[u8], defaults: &ModelConfig) -> anyhow::Result<Self> {
        let mut members: Map<String, Value> =
            serde_json::from_slice(text).context("it is no JSON object on one line")?;
        let id = take_id(&mut members)?.unwrap_or_else(|| line.to_string().into());
        let mut request = if members.contains_key("prompt") {
            let Prompt { model, prompt } = read(members)?;
            let mut request = defaults.request().message(prompt);
            if !model.is_empty() {
                request.model = model;
            }
            request
        } else if members.contains_key("messages") || members.contains_key("modelId") {
            ensure!(
                !members.contains_key("model"),
                "`model` goes with `prompt`; Converse JSON names its model in `modelId`"
            );
            read::<ChatRequest>(members)?
        } else {
            bail!("it has neither `messages` (Converse JSON) nor `prompt`");
        };
        if request.model.is_empty() {
            request.model.clone_from(&defaults.model);
        }
        ensure!(!request.model.is_empty(), "it names no model: add one to the line, or give --model");
        if let Some(most) = defaults.max_tokens {
            request.inference_config.get_or_insert_default().max_tokens.get_or_insert(most);
        }
        Ok(Self { line, id, hash: hash(text), was_done: false, request })
    }
}

fn take_id(members: &mut Map<String, Value>) -> anyhow::Result<Option<Value>> {
    let given = [members.shift_remove("id"), members.shift_remove("recordId")];
    let mut given = given.into_iter().flatten();
    let id = given.next();
    ensure!(given.next().is_none(), "it has both `id` and `recordId`");
    ensure!(id.as_ref().is_none_or(|id| id_text(id).is_some()), "its id is neither a text nor a number");
    Ok(id)
}

fn read<T: DeserializeOwned>(members: Map<String, Value>) -> anyhow::Result<T> {
    Ok(serde_path_to_error::deserialize(Value::Object(members))?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(line: &str) -> anyhow::Result<Task> {
        let mut defaults = ModelConfig::default();
        defaults.max_tokens = Some(9);
        defaults.temperature = Some(0.5);
        Task::read(3, line.as_bytes(), &defaults)
    }

    #[test]
    fn both_forms_are_read() {
        let short = task(r#"{"id": "a", "model": "m.x", "prompt": "Hi"}"#).unwrap();
        assert_eq!((&short.id, short.request.model.as_str()), (&json!("a"), "m.x"));
        let config = short.request.inference_config.unwrap();
        assert_eq!((config.max_tokens, config.temperature), (Some(9), Some(0.5)));

        let turns = r#""messages": [{"role": "user", "content": [{"text": "Hi"}]}]"#;
        let whole = task(&format!(r#"{{"modelId": "m.x", {turns}, "inferenceConfig": {{"maxTokens": 4}}}}"#));
        let whole = whole.unwrap();
        assert_eq!((&whole.id, whole.line), (&json!("3"), 3));
        let config = whole.request.inference_config.unwrap();
        assert_eq!((config.max_tokens, config.temperature), (Some(4), None));
        assert!(whole.request.extra.is_empty());
        let numbered = task(&format!(r#"{{"recordId": 12, "modelId": "m.x", {turns}}}"#)).unwrap();
        assert_eq!(numbered.id, json!(12));
        assert_eq!(numbered.request.inference_config.unwrap().max_tokens, Some(9));
        assert!(numbered.request.extra.is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (line, said) in [
            ("nope", "no JSON object"),
            ("[1]", "no JSON object"),
            (r#"{"model": "m.x"}"#, "neither `messages`"),
            (r#"{"prompt": "Hi"}"#, "names no model"),
            (r#"{"model": "m.x", "prompt": 3}"#, "expected a string"),
            (r#"{"model": "m.x", "prompt": "Hi", "sytem": "x"}"#, "sytem"),
            (r#"{"model": "m.x", "messages": []}"#, "`modelId`"),
            (r#"{"modelId": "m.x", "messages": [{"role": "user"}]}"#, "messages[0]"),
            (r#"{"id": null, "model": "m.x", "prompt": "Hi"}"#, "its id"),
            (r#"{"id": 1, "recordId": 1, "model": "m.x", "prompt": "Hi"}"#, "both"),
        ] {
            let error = format!("{:#}", task(line).unwrap_err());
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn a_changed_line_has_another_hash() {
        assert_eq!(hash(b"a"), hash(b"a"));
        assert_ne!(hash(b"a"), hash(b"b"));
        assert_eq!(hash(b"a").len(), 32);
    }
}

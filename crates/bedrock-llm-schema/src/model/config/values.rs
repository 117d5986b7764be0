//! [`ConfigValues`]: a configuration before its values have types.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path as ErrorPath, Segment};

use crate::model::ConfigError;
use crate::model::error::closest;

/// What an environment variable of a configuration begins with.
const ENV_PREFIX: &str = "BEDROCK_LLM_";

/// What stands between a section and its key in the name of an environment variable.
const ENV_SEPARATOR: &str = "__";

/// Values by key, from a file or from the environment, one source over the other; [`read`](Self::read) gives them types.
/// Whatever is wrong is said in the words of the source: by key of a file, by name of a variable.
#[derive(Clone, Default)]
pub struct ConfigValues {
    values: Map<String, Value>,
    notation: Notation,
}

#[derive(Clone, Copy, Default)]
enum Notation {
    #[default]
    File,
    Environment,
}

/// Shows keys and no values.
impl fmt::Debug for ConfigValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl ConfigValues {
    /// Reads TOML.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::of_file(toml::from_str(text).map_err(ConfigError::syntax)?))
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// When the text is not a JSON object.
    pub fn from_json_str(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::of_file(serde_json::from_str(text).map_err(ConfigError::syntax)?))
    }

    /// Reads a file, as TOML or JSON by the ending of its name.
    ///
    /// # Errors
    /// When the file cannot be read, its name ends otherwise, or it is neither TOML nor JSON.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let parse = match extension.as_str() {
            "toml" => Self::from_toml_str,
            "json" => Self::from_json_str,
            _ => return Err(ConfigError::UnknownExtension { path: path.to_owned() }),
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        parse(&text)
    }

    /// Reads environment variables: `BEDROCK_LLM_` and the key in capitals, with `__` between a section and its key, such
    /// as `BEDROCK_LLM_RETRY__MAX_ATTEMPTS`.
    ///
    /// The value of a key in `texts` is taken as it is; others are read as JSON where they are JSON, and are plain text
    /// else. An empty value is not set. A variable with the prefix that is none of `keys` and not like one is left to whom
    /// it belongs.
    ///
    /// # Errors
    /// When a variable is a misspelt key.
    pub fn from_env_vars(
        vars: impl IntoIterator<Item = (String, String)>,
        keys: &[&str],
        texts: &[&str],
    ) -> Result<Self, ConfigError> {
        let mut values = Map::new();
        // a section comes before its keys, so that the outcome is always the same
        let vars: BTreeMap<_, _> = vars.into_iter().collect();
        for (name, text) in vars {
            let Some(key) = name.strip_prefix(ENV_PREFIX).map(str::to_ascii_lowercase) else {
                continue;
            };
            let mut path = key.split(ENV_SEPARATOR).collect::<Vec<_>>().into_iter();
            let head = path.next().unwrap_or_default();
            if !keys.contains(&head) {
                match closest(head, keys) {
                    Some(known) => {
                        let suggestion = Some(format!("{ENV_PREFIX}{}", known.to_ascii_uppercase()));
                        return Err(ConfigError::UnknownKey { key: name, suggestion });
                    }
                    None => continue,
                }
            }
            if text.is_empty() {
                continue;
            }
            let value = match serde_json::from_str(&text) {
                Ok(value) if !texts.contains(&&*key) => value,
                _ => Value::String(text),
            };
            let value =
                path.rfold(value, |value, key| Value::Object(Map::from_iter([(key.to_owned(), value)])));
            overlay(&mut values, head.to_owned(), value);
        }
        Ok(Self { values, notation: Notation::Environment })
    }

    /// Puts `over` over this: a value that is set there wins, key by key inside a section. Lists are replaced.
    #[must_use]
    pub fn overlay(mut self, over: Self) -> Self {
        for (key, value) in over.values {
            overlay(&mut self.values, key, value);
        }
        self
    }

    /// The values of these keys, and the rest.
    #[must_use]
    pub fn split(self, keys: &[&str]) -> (Self, Self) {
        let (these, rest) = self.values.into_iter().partition(|(key, _)| keys.contains(&&**key));
        let notation = self.notation;
        (Self { values: these, notation }, Self { values: rest, notation })
    }

    /// Checks that every key is one of these.
    ///
    /// # Errors
    /// Names the first one that is not, and the one that was probably meant.
    pub fn expect_keys(&self, known: &[&str]) -> Result<(), ConfigError> {
        match self.values.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(self.unknown(&[], key, known)),
            None => Ok(()),
        }
    }

    /// Gives the values their types.
    ///
    /// # Errors
    /// When a key is unknown to a type that denies unknown fields, or a value is of the wrong type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        // TOML's `nan` arrives as null, and must not pass for "not set"
        if let Some((key, _)) = self.values.iter().find(|(_, value)| value.is_null()) {
            let reason = "expected a value, leave the key out where there is none".to_owned();
            return Err(ConfigError::InvalidValue { key: self.show_key(key), reason });
        }
        serde_path_to_error::deserialize(Value::Object(self.values.clone())).map_err(|error| {
            let (path, reason) = (segments(error.path()), error.inner().to_string());
            match unknown_field(&reason) {
                Some((field, known)) => {
                    let parent = match path.split_last() {
                        Some((last, parent)) if last == field => parent,
                        _ => &path,
                    };
                    self.unknown(parent, field, &known)
                }
                None => ConfigError::InvalidValue { key: self.show(&path), reason },
            }
        })
    }

    /// A key as the user knows it.
    pub(super) fn show_key(&self, key: &str) -> String {
        self.show(&[key.to_owned()])
    }

    fn of_file(values: Map<String, Value>) -> Self {
        Self { values, notation: Notation::File }
    }

    fn unknown(&self, parent: &[String], key: &str, known: &[&str]) -> ConfigError {
        let at = |key: &str| self.show(&[parent, &[key.to_owned()]].concat());
        ConfigError::UnknownKey { key: at(key), suggestion: closest(key, known).map(at) }
    }

    /// A path as the user knows it: `stop_sequences[1]`, `retry.budget.percent`, `BEDROCK_LLM_RETRY__BUDGET__PERCENT`.
    fn show(&self, path: &[String]) -> String {
        let (mut shown, separator) = match self.notation {
            Notation::File => (String::new(), "."),
            Notation::Environment => (ENV_PREFIX.to_owned(), ENV_SEPARATOR),
        };
        // inside a list the variable's own JSON goes on
        let (mut is_first, mut in_list) = (true, false);
        for segment in path {
            if segment.starts_with('[') {
                in_list = true;
                shown.push_str(segment);
                continue;
            }
            if !is_first {
                shown.push_str(if in_list { "." } else { separator });
            }
            is_first = false;
            match self.notation {
                Notation::Environment if !in_list => shown.push_str(&segment.to_ascii_uppercase()),
                _ => shown.push_str(segment),
            }
        }
        shown
    }
}

/// Sets a value over another. Tables are merged; `true` leaves a table as it is, since it only says that there is one.
fn overlay(values: &mut Map<String, Value>, key: String, over: Value) {
    match (values.get_mut(&key), over) {
        (Some(Value::Object(under)), Value::Object(over)) => {
            for (key, value) in over {
                overlay(under, key, value);
            }
        }
        (Some(Value::Object(_)), Value::Bool(true)) => {}
        (_, over) => {
            values.insert(key, over);
        }
    }
}

fn segments(path: &ErrorPath) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("[{index}]")),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect()
}

/// The field and the ones that are known, out of serde's words for an unknown field, its only form for them.
fn unknown_field(reason: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = reason.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Whole {
        name: Option<String>,
        part: Part,
        list: Vec<Part>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Part {
        size: u32,
        deeper: Deeper,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Deeper {
        colour: Option<String>,
    }

    const KEYS: &[&str] = &["name", "part", "list"];

    fn env(vars: &[(&str, &str)]) -> Result<Whole, ConfigError> {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ConfigValues::from_env_vars(vars, KEYS, &["name"])?.read()
    }

    #[test]
    fn variables_reach_into_sections() {
        let whole = env(&[
            ("BEDROCK_LLM_NAME", "12"),
            ("BEDROCK_LLM_PART__SIZE", "3"),
            ("BEDROCK_LLM_PART__DEEPER__COLOUR", "red"),
            ("BEDROCK_LLM_LIST", r#"[{"size": 1}]"#),
            ("BEDROCK_LLM_UNRELATED__THING", "x"),
        ]);
        let expected = Whole {
            name: Some("12".to_owned()),
            part: Part { size: 3, deeper: Deeper { colour: Some("red".to_owned()) } },
            list: vec![Part { size: 1, ..Part::default() }],
        };
        assert_eq!(whole.unwrap(), expected);
    }

    #[test]
    fn an_unknown_key_is_named_at_every_level() {
        for (toml, message) in [
            ("nam = 'x'", "unknown key `nam`; did you mean `name`?"),
            ("part.sise = 1", "unknown key `part.sise`; did you mean `part.size`?"),
            (
                "part.deeper.color = 'x'",
                "unknown key `part.deeper.color`; did you mean `part.deeper.colour`?",
            ),
            ("list = [{}, {siz = 1}]", "unknown key `list[1].siz`; did you mean `list[1].size`?"),
            ("part.deeper.zebra = 1", "unknown key `part.deeper.zebra`"),
            ("part.size = 'x'", "`part.size`: invalid type: string \"x\", expected u32"),
        ] {
            let error = ConfigValues::from_toml_str(toml).unwrap().read::<Whole>().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        for (name, value, message) in [
            ("NAM", "x", "unknown key `BEDROCK_LLM_NAM`; did you mean `BEDROCK_LLM_NAME`?"),
            (
                "PART__SISE",
                "1",
                "unknown key `BEDROCK_LLM_PART__SISE`; did you mean `BEDROCK_LLM_PART__SIZE`?",
            ),
            (
                "PART__DEEPER__COLOR",
                "x",
                "unknown key `BEDROCK_LLM_PART__DEEPER__COLOR`; did you mean `BEDROCK_LLM_PART__DEEPER__COLOUR`?",
            ),
            (
                "LIST",
                r#"[{"siz": 1}]"#,
                "unknown key `BEDROCK_LLM_LIST[0].siz`; did you mean `BEDROCK_LLM_LIST[0].size`?",
            ),
        ] {
            assert_eq!(env(&[(&format!("BEDROCK_LLM_{name}"), value)]).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn sections_are_merged_and_lists_replaced() {
        let under =
            ConfigValues::from_toml_str("part = {size = 1, deeper.colour = 'red'}\nlist = [{}, {}]").unwrap();
        let over = ConfigValues::from_toml_str("part.size = 2\nlist = [{size = 7}]").unwrap();
        let both = under.overlay(over);
        let expected = json!({"part": {"size": 2, "deeper": {"colour": "red"}}, "list": [{"size": 7}]});
        assert_eq!(Value::Object(both.values.clone()), expected);
        let on = ConfigValues::from_toml_str("part = true\nlist = false").unwrap();
        let switched = Value::Object(both.overlay(on).values);
        assert_eq!(switched["part"]["size"], 2);
        assert_eq!(switched["list"], false);
    }
}

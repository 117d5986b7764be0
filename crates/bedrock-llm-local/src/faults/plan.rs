//! A plan: rules in order, read from TOML or JSON or made in code.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_path_to_error as by_path;

use super::FaultRule;

/// What goes wrong: rules, tried in order for each request.
///
/// A rule that fires adds its latency, if it has one; if it has a fault, that is the request's fault, and the rules after it
/// neither see nor count the request. So latencies add up, and the first fault wins.
///
/// What is drawn depends on the seed, the rule's place and the number the rule gives the request, and on nothing else. Requests one
/// after the other are hit the same way in each run; of requests at once, which gets which number is chance.
///
/// ```
/// use bedrock_llm_local::FaultPlan;
///
/// let plan = FaultPlan::from_toml_str(r#"
///     seed = 7
///
///     [[rules]]
///     latency = { p50 = "200ms", p99 = "3s" }
///
///     [[rules]]
///     probability = 0.05
///     fault.exception = { name = "ThrottlingException", retry_after = 1 }
/// "#)?;
/// assert_eq!(plan.rules().len(), 2);
///
/// let error = FaultPlan::from_toml_str("[[rules]]\nfault.status = 99").unwrap_err();
/// assert_eq!(error.to_string(), "rules[0].fault.status: 99 is not from 400 to 599");
/// # Ok::<_, bedrock_llm_local::FaultPlanError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Form")]
pub struct FaultPlan {
    pub(super) seed: u64,
    rules: Vec<FaultRule>,
}

/// A plan before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    rules: Vec<FaultRule>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultPlanError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is not TOML or not JSON; the source tells where.
    #[error("the fault plan cannot be parsed")]
    Syntax {
        /// The parser's account, with line and column.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A field has a value it cannot have, or there is no such field.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field with its rule: `rules[1].probability`.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FaultPlan {
    /// These rules, in this order, with seed 0.
    ///
    /// # Errors
    /// When a rule has a value it cannot have.
    pub fn new(rules: impl IntoIterator<Item = FaultRule>) -> Result<Self, FaultPlanError> {
        Form { seed: 0, rules: rules.into_iter().collect() }.try_into()
    }

    /// The same with this seed, which decides what is drawn: probabilities and latencies.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The rules in their order.
    #[must_use]
    pub fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    /// Reads a plan from TOML.
    ///
    /// # Errors
    /// When the text is not TOML, a key is unknown, or a value cannot be.
    pub fn from_toml_str(text: &str) -> Result<Self, FaultPlanError> {
        let toml = toml::Deserializer::parse(text).map_err(FaultPlanError::syntax)?;
        let form: Form = by_path::deserialize(toml).map_err(|error: by_path::Error<toml::de::Error>| {
            // the field says where; the message alone says why, without a picture of the line
            FaultPlanError::invalid(error.path(), error.inner().message())
        })?;
        form.try_into()
    }

    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// When the text is not JSON, a key is unknown, or a value cannot be.
    pub fn from_json(text: &[u8]) -> Result<Self, FaultPlanError> {
        let json: serde_json::Value = serde_json::from_slice(text).map_err(FaultPlanError::syntax)?;
        let form: Form = by_path::deserialize(json).map_err(|error: by_path::Error<serde_json::Error>| {
            FaultPlanError::invalid(error.path(), &error.inner().to_string())
        })?;
        form.try_into()
    }

    /// Reads a plan from a TOML file.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, a key is unknown, or a value cannot be.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, FaultPlanError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| FaultPlanError::Read { path: path.to_owned(), source })?;
        Self::from_toml_str(&text)
    }
}

impl FaultPlanError {
    fn syntax(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Syntax { source: source.into() }
    }

    fn invalid(path: &by_path::Path, reason: &str) -> Self {
        Self::Invalid { field: path.to_string(), reason: reason.to_owned() }
    }
}

impl TryFrom<Form> for FaultPlan {
    type Error = FaultPlanError;

    fn try_from(Form { seed, rules }: Form) -> Result<Self, FaultPlanError> {
        for (place, rule) in rules.iter().enumerate() {
            rule.check().map_err(|(field, reason)| FaultPlanError::Invalid {
                field: format!("rules[{place}].{field}"),
                reason,
            })?;
        }
        Ok(Self { seed, rules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        FaultPlan::from_toml_str(text).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_rule_and_field() {
        let good = "[[rules]]\nfault = \"hang_up\"\n[[rules]]\n";
        for (text, field, reason) in [
            ("sed = 1", "sed", "unknown field"),
            ("seed = -1", "seed", "-1"),
            ("rules = 1", "rules", "expected a sequence"),
            ("probability = 0.1", "rules[1].fault", "needs a fault or a latency"),
            ("probabilty = 0.1", "rules[1].probabilty", "unknown field `probabilty`"),
            ("fault = \"hang_up\"\nprobability = 1.5", "rules[1].probability", "1.5 is not from 0 to 1"),
            ("fault = \"hang_up\"\nprobability = nan", "rules[1].probability", "not from 0 to 1"),
            ("fault = \"hang_up\"\nprobability = \"often\"", "rules[1].probability", "often"),
            ("fault = \"hang_up\"\ntimes = 0", "rules[1].times", "at least 1"),
            ("fault = \"hang_up\"\nevery = 0", "rules[1].every", "at least 1"),
            ("fault = \"hang_up\"\nmodel = \"\"", "rules[1].model", "empty"),
            (
                "fault = \"hang_up\"\noperation = \"Convers\"",
                "rules[1].operation",
                "unknown variant `Convers`",
            ),
            ("fault = \"hangup\"", "rules[1].fault", "unknown variant `hangup`"),
            ("fault.status = 200", "rules[1].fault.status", "200 is not from 400 to 599"),
            ("fault.exception.name = \"Oops\"", "rules[1].fault.exception.name", "no exception Oops"),
            ("fault.cut_after = -1", "rules[1].fault.cut_after", "-1"),
            ("latency = \"soon\"", "rules[1].latency", "not a duration"),
            ("latency = { mean = \"0s\" }", "rules[1].latency", "more than 0"),
            (
                "fault.exception_after = { frames = 1, name = \"ThrottlingException\" }\noperation = \"Converse\"",
                "rules[1].operation",
                "only for operations that stream",
            ),
        ] {
            let whole = if field.starts_with("rules[") { format!("{good}{text}") } else { text.to_owned() };
            let error = error(&whole);
            assert!(error.starts_with(&format!("{field}: ")) && error.contains(reason), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(matches!(FaultPlan::from_toml_str("[[rules"), Err(FaultPlanError::Syntax { .. })));
        assert!(matches!(FaultPlan::from_json(b"{"), Err(FaultPlanError::Syntax { .. })));
        let error = FaultPlan::from_json(br#"{"rules": [{"fault": {"status": 1}}]}"#).unwrap_err();
        assert!(error.to_string().starts_with("rules[0].fault.status: "), "{error}");
        assert!(FaultPlan::from_path("/no/such/plan").unwrap_err().to_string().contains("/no/such/plan"));
        let embedded = serde_json::from_str::<FaultPlan>(r#"{"rules": [{"times": 1}]}"#).unwrap_err();
        assert!(embedded.to_string().contains("rules[0].fault"), "{embedded}");
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let toml = r#"
            seed = 3
            [[rules]]
            latency = { min = "1ms", max = "2ms" }
            operation = "Converse"
            [[rules]]
            fault.exception_after = { frames = 2, name = "ThrottlingException" }
            model = "us.*"
            after = 1
            every = 2
            probability = 1
            times = 3
        "#;
        let plan = FaultPlan::from_toml_str(toml).unwrap();
        let json = serde_json::to_vec(&plan).unwrap();
        assert_eq!(FaultPlan::from_json(&json).unwrap(), plan);
        assert_eq!(FaultPlan::from_toml_str("").unwrap(), FaultPlan::default());
    }
}

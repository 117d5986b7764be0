//! The settings of a request.

use crate::wire::{Extra, wire_enum, wire_struct, wire_union};

wire_struct! {
    /// How the model should sample, in the settings that every family shares.
    #[derive(Default)]
    pub struct InferenceConfig {
        /// The most tokens the answer may have, at least 1. Bedrock counts it against the tokens-per-minute
        /// quota when the request is admitted, so no more than is needed.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub max_tokens: Option<u32>,
        /// Randomness, 0 to 1.
        pub temperature: Option<f64>,
        /// The share of likely tokens to sample from, 0 to 1.
        pub top_p: Option<f64>,
        /// Texts that end the answer, at most 2,500.
        pub stop_sequences: Option<Vec<String>>,
    }

    /// What form the answer should have.
    #[derive(Default)]
    pub struct OutputConfig {
        /// A schema for the answer's text.
        pub text_format: Option<OutputFormat>,
        /// How much work the model should put in, such as `low` or `high`; at most 16 characters.
        pub effort: Option<String>,
    }

    /// A form for the answer's text.
    pub struct OutputFormat {
        /// The kind of form.
        pub r#type: OutputFormatType,
        /// The form itself.
        pub structure: OutputFormatStructure,
    }

    /// A JSON Schema for the answer.
    #[derive(Default)]
    pub struct JsonSchemaDefinition {
        /// The schema, as JSON text.
        pub schema: String,
        /// Its name.
        pub name: Option<String>,
        /// What it is for.
        pub description: Option<String>,
    }

    /// How fast the answer should be.
    pub struct PerformanceConfig {
        /// How fast.
        pub latency: Option<PerformanceLatency>,
    }

    /// The tier in which the request runs and is paid.
    pub struct ServiceTier {
        /// The tier.
        pub r#type: ServiceTierType,
    }
}

wire_enum! {
    /// How fast the answer should be.
    pub enum PerformanceLatency {
        /// As usual.
        Standard = "standard",
        /// Faster, where the model has it.
        Optimized = "optimized",
    }

    /// The tier in which a request runs and is paid.
    pub enum ServiceTierType {
        /// Ahead of others, for more money.
        Priority = "priority",
        /// As usual.
        Default = "default",
        /// When there is room, for less money.
        Flex = "flex",
        /// In capacity that is reserved.
        Reserved = "reserved",
    }

    /// Kinds of output form.
    pub enum OutputFormatType {
        /// JSON by a schema.
        JsonSchema = "json_schema",
    }
}

wire_union! {
    /// A form for the answer's text.
    pub enum OutputFormatStructure {
        /// JSON by a schema.
        JsonSchema(JsonSchemaDefinition) = "jsonSchema",
    }

    /// What stands for a variable of a managed prompt.
    pub enum PromptVariableValue {
        /// Text.
        Text(String) = "text",
    }
}

impl OutputFormat {
    /// JSON by a schema.
    pub fn json_schema(name: impl Into<String>, schema: &serde_json::Value) -> Self {
        let definition = JsonSchemaDefinition {
            schema: schema.to_string(),
            name: Some(name.into()),
            ..JsonSchemaDefinition::default()
        };
        Self {
            r#type: OutputFormatType::JsonSchema,
            structure: OutputFormatStructure::JsonSchema(definition),
            extra: Extra::new(),
        }
    }
}

impl From<PerformanceLatency> for PerformanceConfig {
    fn from(latency: PerformanceLatency) -> Self {
        Self { latency: Some(latency), extra: Extra::new() }
    }
}

impl From<ServiceTierType> for ServiceTier {
    fn from(r#type: ServiceTierType) -> Self {
        Self { r#type, extra: Extra::new() }
    }
}

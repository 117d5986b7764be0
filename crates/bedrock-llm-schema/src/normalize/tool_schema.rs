//! Tool schemas as a family takes them.
//!
//! Nothing is touched, and nothing allocated, where a schema is right as it is.

mod check;
mod refs;
mod root;
mod strict;
mod walk;

use serde_json::Value;

use super::{Change, ChangeKind, Changes};
use crate::content::tool::{Tool, ToolInputSchema};
use crate::model::ModelProfile;
use crate::request::OutputFormatStructure;
use crate::{ChatRequest, ToolSpec};

pub use check::ToolSchemaError;
pub use strict::{StrictChange, strict_schema};

const RULE: &str = "R-TOOL-SCHEMA";

/// What was done to a schema, and how far it goes.
type Note = (ChangeKind, &'static str);

impl ToolSpec {
    /// The tool with its schema checked, and mended where every model would refuse it: a root without `type`, a root
    /// that is a `$ref`, `properties` or `required` of null. For once, when a tool is registered.
    ///
    /// # Errors
    /// [`ToolSchemaError`] where the schema is none, or is not that of an object, which arguments always are.
    ///
    /// ```
    /// use bedrock_llm_schema::ToolSpec;
    /// use serde_json::json;
    ///
    /// let tool = ToolSpec::new("clock", "The time", json!({"properties": null})).compile()?;
    /// assert_eq!(tool.schema(), &json!({"properties": {}, "type": "object"}));
    ///
    /// let error = ToolSpec::new("clock", "The time", json!({"properties": {"zone": {"type": "text"}}})).compile();
    /// assert_eq!(
    ///     error.unwrap_err().to_string(),
    ///     "the schema of tool clock is no JSON schema at /properties/zone/type: not a type's name",
    /// );
    /// # Ok::<(), bedrock_llm_schema::normalize::ToolSchemaError>(())
    /// ```
    pub fn compile(mut self) -> Result<Self, ToolSchemaError> {
        self.lower(&ModelProfile::default());
        match &self.input_schema {
            ToolInputSchema::Json(schema) => {
                check::check(schema).map_err(|fault| ToolSchemaError::new(&self.name, fault))?;
            }
            ToolInputSchema::Unknown(_) => {} // of a kind this version does not know: the service's to judge
        }
        Ok(self)
    }

    /// Gives the tool the form the model takes, and says what was changed, with paths from the tool's root.
    /// [`Normalizer`](super::Normalizer) does the same to every tool of a request.
    ///
    /// What cannot be mended, such as a root of type `string`, stays for the check.
    pub fn lower(&mut self, profile: &ModelProfile) -> Vec<Change> {
        let mut changes = Changes::default();
        lower_spec(self, profile, |_| String::new(), &mut changes);
        changes.into_list()
    }
}

pub(super) fn lower(request: &mut ChatRequest, profile: &ModelProfile, changes: &mut Changes) {
    let tools = request.tool_config.iter_mut().flat_map(|config| &mut config.tools).enumerate();
    for (place, tool) in tools {
        if let Tool::ToolSpec(spec) = tool {
            lower_spec(
                spec,
                profile,
                |member| format!("toolConfig.tools[{place}].toolSpec.{member}"),
                changes,
            );
        }
    }
    lower_output(request, profile, changes);
}

fn lower_spec(
    spec: &mut ToolSpec,
    profile: &ModelProfile,
    path: impl Fn(&str) -> String,
    changes: &mut Changes,
) {
    let path = |member: &str| {
        let whole = path(member);
        if whole.is_empty() { member.to_owned() } else { whole }
    };
    if spec.description.as_ref().is_some_and(|text| text.trim().is_empty()) {
        spec.description = None;
        changes.mended("R-TOOL-DESCRIPTION", path("description"), "empty description removed");
    }
    let ToolInputSchema::Json(schema) = &mut spec.input_schema else { return };
    let mut notes = Vec::new();
    root::mend(schema, profile, &mut notes);
    if profile.tools.schema_refs == Some(false) {
        refs::inline(schema, &mut notes);
    }
    if spec.strict == Some(true) {
        notes.extend(strict_schema(schema).into_iter().map(StrictChange::note));
    }
    for (kind, message) in notes {
        changes.add(RULE, path("inputSchema.json"), message, kind);
    }
}

/// The schema of a native JSON answer is held to what strict tools are held to.
fn lower_output(request: &mut ChatRequest, profile: &ModelProfile, changes: &mut Changes) {
    let format = request.output_config.as_mut().and_then(|config| config.text_format.as_mut());
    let Some(OutputFormatStructure::JsonSchema(definition)) = format.map(|format| &mut format.structure)
    else {
        return;
    };
    let Ok(mut schema) = serde_json::from_str::<Value>(&definition.schema) else { return };
    let mut notes = Vec::new();
    if profile.tools.schema_refs == Some(false) {
        refs::inline(&mut schema, &mut notes);
    }
    notes.extend(strict_schema(&mut schema).into_iter().map(StrictChange::note));
    if !notes.is_empty() {
        definition.schema = schema.to_string();
    }
    for (kind, message) in notes {
        changes.add(RULE, "outputConfig.textFormat.structure.jsonSchema.schema", message, kind);
    }
}

#[cfg(test)]
mod tests;

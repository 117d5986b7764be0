//! Kinds that work on texts.

use serde::Deserialize;
use serde_json::Value;
use text_splitter::{ChunkConfig, TextSplitter};

use super::super::Registry;
use super::{JsonError, Object};
use crate::{BoxError, try_map_fn};

#[derive(Deserialize)]
struct OneText {
    #[serde(default = "text")]
    field: String,
    into: Option<String>,
}

#[derive(Deserialize)]
struct Split {
    max_chars: usize,
    #[serde(default)]
    overlap: usize,
    #[serde(default = "text")]
    field: String,
    into: Option<String>,
    #[serde(default = "chunk")]
    number: String,
}

#[derive(Deserialize)]
struct Filled {
    template: String,
    into: String,
}

fn text() -> String {
    "text".to_owned()
}

fn chunk() -> String {
    "chunk".to_owned()
}

/// Settings by which no text can be split.
#[derive(Debug, thiserror::Error)]
enum SplitError {
    #[error("`max_chars` is 0: a piece has at least one character")]
    Empty,
    #[error("`overlap` is {overlap}: it must be less than `max_chars`, which is {max_chars}")]
    Overlap { overlap: usize, max_chars: usize },
}

/// A template that cannot be read.
#[derive(Debug, thiserror::Error)]
enum TemplateError {
    #[error("`template` has a `{{` at byte {at} that no `}}` closes; write `{{{{` for the character itself")]
    Open { at: usize },
    #[error("`template` has a `}}` at byte {at} that closes nothing; write `}}}}` for the character itself")]
    Close { at: usize },
    #[error("`template` names no field at byte {at}: write `{{field}}`")]
    Unnamed { at: usize },
}

pub(super) fn register(registry: &mut Registry) {
    registry.node("text.trim", |settings| changed(settings, |text| text.trim().to_owned()));
    registry.node("text.lower", |settings| changed(settings, str::to_lowercase));
    registry.node("text.template", |Filled { template, into }| {
        let template = Template::parse(&template)?;
        Ok::<_, TemplateError>(try_map_fn(move |value: Value| {
            let mut object = Object::of(value)?;
            object.set(&into, template.fill(&object)?);
            Ok::<Value, JsonError>(object.into())
        }))
    });
    registry.flat_map("text.split", |split: Split| {
        let (max_chars, overlap) = (split.max_chars, split.overlap);
        if max_chars == 0 {
            return Err(SplitError::Empty);
        }
        let config = ChunkConfig::new(max_chars).with_overlap(overlap);
        let splitter = TextSplitter::new(config.map_err(|_| SplitError::Overlap { overlap, max_chars })?);
        Ok(move |value: Value| {
            let object = Object::of(value)?;
            let pieces = splitter.chunks(object.text(&split.field)?).enumerate().map(|(number, piece)| {
                let mut object = Object(object.0.clone());
                object.set(split.into.as_ref().unwrap_or(&split.field), piece);
                object.set(&split.number, number);
                object.into()
            });
            Ok::<Vec<Value>, JsonError>(pieces.collect())
        })
    });
}

/// A node that makes one text of another.
fn changed(
    OneText { field, into }: OneText,
    change: fn(&str) -> String,
) -> Result<crate::TryMapNode<impl Fn(Value) -> Result<Value, JsonError> + Send + Sync + 'static>, BoxError> {
    Ok(try_map_fn(move |value: Value| {
        let mut object = Object::of(value)?;
        let text = change(object.text(&field)?);
        object.set(into.as_ref().unwrap_or(&field), text);
        Ok(object.into())
    }))
}

/// A text with places for fields.
#[derive(Debug, PartialEq)]
struct Template(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Field(String),
}

impl Template {
    fn parse(template: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut chars = template.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            let doubled = chars.next_if(|(_, next)| *next == char && matches!(char, '{' | '}')).is_some();
            match char {
                '{' if !doubled => {
                    let mut field = String::new();
                    loop {
                        match chars.next() {
                            Some((_, '}')) => break,
                            Some((_, '{')) | None => return Err(TemplateError::Open { at }),
                            Some((_, char)) => field.push(char),
                        }
                    }
                    if field.is_empty() {
                        return Err(TemplateError::Unnamed { at });
                    }
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Field(field));
                }
                '}' if !doubled => return Err(TemplateError::Close { at }),
                char => text.push(char),
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self(parts))
    }

    /// Strings go in as they are, other values as JSON.
    fn fill(&self, object: &Object) -> Result<String, JsonError> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Field(field) => match object.get(field)? {
                    Value::String(text) => filled.push_str(text),
                    other => filled.push_str(&other.to_string()),
                },
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_texts_and_fields() {
        let parts = Template::parse("a {{{b c}}} d").unwrap();
        assert_eq!(
            parts,
            Template(vec![
                Part::Text("a {".to_owned()),
                Part::Field("b c".to_owned()),
                Part::Text("} d".to_owned())
            ])
        );
    }

    proptest! {
        #[test]
        fn what_is_put_into_a_template_comes_out_as_it_is(
            before in "[a{}é ]{0,6}",
            field in "[a-zé _]{1,4}",
            value in ".{0,6}",
            after in "[b{}é ]{0,6}",
        ) {
            let escaped = |text: &str| text.replace('{', "{{").replace('}', "}}");
            let template = format!("{}{{{field}}}{}", escaped(&before), escaped(&after));
            let object = Object::of(json!({field: value.clone()})).unwrap();
            let filled = Template::parse(&template).unwrap().fill(&object).unwrap();
            prop_assert_eq!(filled, format!("{before}{value}{after}"));
        }

        #[test]
        fn no_template_panics(template in "[a{}é]{0,8}") {
            drop(Template::parse(&template));
        }
    }
}

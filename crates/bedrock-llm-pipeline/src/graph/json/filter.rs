//! The kind that lets only some objects pass.

use serde::Deserialize;
use serde_json::Value;

use super::super::Registry;
use super::literal::Literal;

#[derive(Deserialize)]
struct Filter {
    field: String,
    #[serde(default)]
    not: bool,
    exists: Option<bool>,
    equals: Option<Literal>,
    contains: Option<Literal>,
    above: Option<f64>,
    below: Option<f64>,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

/// Settings that let everything pass.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no condition: give at least one of `exists`, `equals`, `contains`, `above`, `below`, `at_least`, `at_most`"
)]
struct NoCondition;

pub(super) fn register(registry: &mut Registry) {
    registry.filter("json.filter", |filter: Filter| {
        if filter.is_empty() { Err(NoCondition) } else { Ok(move |value: &Value| filter.lets_pass(value)) }
    });
}

impl Filter {
    fn is_empty(&self) -> bool {
        let Self { field: _, not: _, exists, equals, contains, above, below, at_least, at_most } = self;
        let numbers = [above, below, at_least, at_most];
        exists.is_none() && equals.is_none() && contains.is_none() && numbers.into_iter().all(Option::is_none)
    }

    fn lets_pass(&self, value: &Value) -> bool {
        self.is_met(value.get(&self.field)) != self.not
    }

    /// Whether all conditions are so. A field of another type than a condition speaks of does not meet it.
    fn is_met(&self, field: Option<&Value>) -> bool {
        let number = field.and_then(Value::as_f64);
        let bound = |bound: Option<f64>, is_met: fn(&f64, &f64) -> bool| {
            bound.is_none_or(|bound| number.is_some_and(|number| is_met(&number, &bound)))
        };
        self.exists.is_none_or(|exists| field.is_some() == exists)
            && self.equals.as_ref().is_none_or(|wanted| field.is_some_and(|field| same(field, &wanted.0)))
            && self
                .contains
                .as_ref()
                .is_none_or(|wanted| field.is_some_and(|field| contains(field, &wanted.0)))
            && bound(self.above, f64::gt)
            && bound(self.below, f64::lt)
            && bound(self.at_least, f64::ge)
            && bound(self.at_most, f64::le)
    }
}

/// 1 and 1.0 are the same number.
fn same(field: &Value, wanted: &Value) -> bool {
    match (field, wanted) {
        (Value::Number(field), Value::Number(wanted)) => field == wanted || field.as_f64() == wanted.as_f64(),
        _ => field == wanted,
    }
}

fn contains(field: &Value, wanted: &Value) -> bool {
    match (field, wanted) {
        (Value::String(text), Value::String(wanted)) => text.contains(wanted.as_str()),
        (Value::Array(elements), wanted) => elements.iter().any(|element| same(element, wanted)),
        _ => false,
    }
}

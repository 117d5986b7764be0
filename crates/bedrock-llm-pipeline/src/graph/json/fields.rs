//! Kinds that choose, set, rename, take apart and put together fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::{NoSettings, Registry};
use super::literal::Literals;
use super::{JsonError, Object, kind_of};
use crate::{BoxError, try_map_fn};

#[derive(Deserialize)]
struct Pick {
    fields: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
}

#[derive(Deserialize)]
struct Set {
    /// In the order of the file.
    fields: Literals,
}

#[derive(Deserialize)]
struct Rename {
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Flatten {
    field: String,
    into: Option<String>,
    number: Option<String>,
}

pub(super) fn register(registry: &mut Registry) {
    registry.node("json.pick", |pick: Pick| {
        Ok::<_, BoxError>(try_map_fn(move |value: Value| Object::of(value)?.pick(&pick)))
    });
    registry.node("json.set", |Set { fields }| {
        Ok::<_, BoxError>(try_map_fn(move |value: Value| {
            let mut object = Object::of(value)?;
            for (field, value) in &fields.0 {
                object.set(field, value.clone());
            }
            Ok::<Value, JsonError>(object.into())
        }))
    });
    registry.node("json.rename", |Rename { fields }| {
        Ok::<_, BoxError>(try_map_fn(move |value: Value| Object::of(value)?.rename(&fields)))
    });
    registry.flat_map("json.flatten", |flatten: Flatten| {
        Ok::<_, BoxError>(move |value: Value| Object::of(value)?.flatten(&flatten))
    });
    registry.join("json.merge", |NoSettings {}| Ok::<_, BoxError>(try_map_fn(merge)));
}

impl Object {
    fn pick(mut self, Pick { fields, optional }: &Pick) -> Result<Value, JsonError> {
        if let Some(field) = fields.iter().find(|field| !self.0.contains_key(*field)) {
            return Err(self.missing(field));
        }
        self.0.retain(|field, _| fields.contains(field) || optional.contains(field));
        Ok(self.into())
    }

    fn rename(self, names: &BTreeMap<String, String>) -> Result<Value, JsonError> {
        if let Some(field) = names.keys().find(|field| !self.0.contains_key(*field)) {
            return Err(self.missing(field));
        }
        let mut renamed = Map::with_capacity(self.0.len());
        for (field, value) in self.0 {
            let field = names.get(&field).cloned().unwrap_or(field);
            if renamed.contains_key(&field) {
                return Err(JsonError::Conflict { field });
            }
            renamed.insert(field, value);
        }
        Ok(Value::Object(renamed))
    }

    fn flatten(mut self, Flatten { field, into, number }: &Flatten) -> Result<Vec<Value>, JsonError> {
        let Value::Array(elements) = self.get(field)? else {
            let found = kind_of(self.get(field)?);
            return Err(JsonError::Type { field: field.clone(), found, wanted: "an array" });
        };
        let elements = elements.clone();
        let into = match into {
            Some(into) if into != field => {
                self.0.shift_remove(field);
                into
            }
            _ => field,
        };
        let object = |(place, element)| {
            let mut object = Self(self.0.clone());
            object.set(into, element);
            if let Some(number) = number {
                object.set(number, place);
            }
            object.into()
        };
        Ok(elements.into_iter().enumerate().map(object).collect())
    }
}

/// One object of all; a field that several have must be the same in all of them.
fn merge(values: Vec<Value>) -> Result<Value, JsonError> {
    let mut merged = Map::new();
    for value in values {
        for (field, value) in Object::of(value)?.0 {
            if merged.get(&field).is_some_and(|known| *known != value) {
                return Err(JsonError::Conflict { field });
            }
            merged.insert(field, value);
        }
    }
    Ok(Value::Object(merged))
}

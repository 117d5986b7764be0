//! Members that are written out as `null`.
//!
//! A null member of a body says no more than an absent one, so the typed wire forms do not know it. Clients write
//! them all the same; here they are taken off before a body is parsed, and put back where it is written again.

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

use crate::families::common::from_value;
use crate::{CodecError, json};

/// Members whose value is the caller's own JSON, in which a null means something.
const OPAQUE: [&str; 4] = ["input", "input_schema", "parameters", "schema"];

/// Reads a body without its null members; they come back as JSON pointers.
pub(crate) fn read<T: DeserializeOwned>(
    family: &'static str,
    what: &'static str,
    body: &[u8],
) -> Result<(T, Vec<String>), CodecError> {
    let mut value: Value = json::read(family, what, body)?;
    let mut nulls = Vec::new();
    take(&mut value, "", &mut nulls);
    let read = from_value(family, what, value)?;
    Ok((read, nulls))
}

fn take(value: &mut Value, path: &str, nulls: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.retain(|key, member| {
            let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
            if member.is_null() {
                nulls.push(path);
                return false;
            }
            if !OPAQUE.contains(&key.as_str()) {
                take(member, &path, nulls);
            }
            true
        }),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                take(item, &format!("{path}/{index}"), nulls);
            }
        }
        _ => {}
    }
}

/// Puts null members back where nothing else stands by now.
pub(crate) fn put_back(value: &mut Value, nulls: &[String]) {
    for pointer in nulls {
        let Some((parent, key)) = pointer.rsplit_once('/') else { continue };
        if let Some(Value::Object(map)) = value.pointer_mut(parent) {
            map.entry(key.replace("~1", "/").replace("~0", "~")).or_insert(Value::Null);
        }
    }
}

/// What `read` and `put_back` do to a typed wire form in one go.
pub(crate) fn rewrite<T: DeserializeOwned + serde::Serialize>(
    family: &'static str,
    body: &[u8],
) -> Result<bytes::Bytes, CodecError> {
    let (wire, nulls) = read::<T>(family, "request", body)?;
    let mut value = to_value(family, "request", &wire)?;
    put_back(&mut value, &nulls);
    json::write(family, "request", &value)
}

/// A wire form as JSON.
pub(crate) fn to_value<T: serde::Serialize>(
    family: &'static str,
    what: &'static str,
    wire: &T,
) -> Result<Value, CodecError> {
    serde_json::to_value(wire).map_err(|source| CodecError::Malformed {
        family,
        what,
        path: ".".to_owned(),
        source,
    })
}

/// An error in our own words where a body is not one of the family's.
pub(crate) fn malformed(
    family: &'static str,
    what: &'static str,
    path: &str,
    message: impl std::fmt::Display,
) -> CodecError {
    CodecError::Malformed { family, what, path: path.to_owned(), source: serde_json::Error::custom(message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_go_and_come_back() {
        let body = json!({"a/b": null, "c": [{"d": null, "e": 1}], "input": {"kept": null}});
        let (read, nulls) = read::<Value>("test", "request", body.to_string().as_bytes()).unwrap();
        assert_eq!(read, json!({"c": [{"e": 1}], "input": {"kept": null}}));
        let mut again = read;
        put_back(&mut again, &nulls);
        assert_eq!(again, body);
        let again = rewrite::<Value>("test", body.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), body);
    }
}

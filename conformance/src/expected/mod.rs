//! Reads what a recording says, straight off its JSON and with none of our types.

mod calls;
mod citation;
mod converse;
mod native;
mod stream;
mod vectors;

pub(crate) use converse::{converse, converse_stream};
pub(crate) use native::native;
pub(crate) use stream::native_stream;
pub(crate) use vectors::{ByType, is_known, ranking, vectors};

use serde_json::Value;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A count; some services write them as `28.0`.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().map(|count| count as u64))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

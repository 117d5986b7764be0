//! Top-k: every family has it under another name, Converse under none.

use serde_json::{Map, Value};

use super::Settler;
use crate::ChatRequest;
use crate::rules::TOP_K;

/// Moves top-k to where the model's family has it.
pub(super) fn settle(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let (Some(own), Some(fields)) =
        (settler.profile.sampling.top_k.as_deref(), &mut request.additional_model_request_fields)
    else {
        return;
    };
    let was_some = !is_empty(fields);
    for other in TOP_K.into_iter().filter(|&spelling| spelling != own) {
        let Some(value) = fields.pointer(other).filter(|value| value.is_number()).cloned() else { continue };
        let path = format!("additionalModelRequestFields{}", other.replace('/', "."));
        if own.is_empty() {
            if settler.degrades("R-TOP-K", path, "the model takes no top-k", "left out") {
                remove(fields, other);
            }
        } else if fields.pointer(own).is_some() {
            remove(fields, other);
            settler.mended("R-TOP-K", path, &format!("left out: top-k is given as `{own}` too"));
        } else if put(fields, own, value) {
            remove(fields, other);
            settler.mended("R-TOP-K", path, &format!("moved to `{own}`, where the model takes it"));
        } else if settler.degrades(
            "R-TOP-K",
            path,
            "where the model takes it stands something else",
            "left out",
        ) {
            remove(fields, other);
        }
    }
    if was_some && is_empty(fields) {
        request.additional_model_request_fields = None;
    }
}

fn is_empty(fields: &Value) -> bool {
    fields.as_object().is_some_and(Map::is_empty)
}

/// Puts a value where the pointer says, with the objects on the way. False where something else is on the way.
fn put(fields: &mut Value, pointer: &str, value: Value) -> bool {
    let Some((parent, name)) =
        pointer.strip_prefix('/').map(|rest| rest.rsplit_once('/').unwrap_or(("", rest)))
    else {
        return false;
    };
    let mut place = fields;
    for step in parent.split('/').filter(|step| !step.is_empty()) {
        let Some(members) = place.as_object_mut() else { return false };
        place = members.entry(step).or_insert_with(|| Value::Object(Map::new()));
    }
    place.as_object_mut().map(|members| members.insert(name.to_owned(), value)).is_some()
}

/// Takes a member out, and the object that held it where that is left empty.
fn remove(fields: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let Some(members) = fields.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    members.shift_remove(name);
    if members.is_empty() && !parent.is_empty() {
        remove(fields, parent);
    }
}

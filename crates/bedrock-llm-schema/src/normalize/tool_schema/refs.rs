//! `$ref` and `$defs`, written out where a family does not take them.

use serde_json::{Map, Value, json};

use super::Note;
use super::walk::{NOTES, any, children_mut};
use crate::ChangeKind::{Degraded, Mended};

/// The most schemas that are written out: definitions that use each other twice grow without end.
const BUDGET: usize = 5_000;

pub(super) fn inline(schema: &mut Value, notes: &mut Vec<Note>) {
    if !any(schema, |map| map.contains_key("$ref")) {
        return;
    }
    let root = schema.clone();
    let mut inliner =
        Inliner { root: &root, open: vec!["#".to_owned()], budget: BUDGET, done: false, cut: false };
    inliner.write_out(schema);
    let (done, cut) = (inliner.done, inliner.cut);
    // one that is not to be found may yet be meant for a definition
    if !any(schema, |map| map.contains_key("$ref")) {
        drop_definitions(schema);
    }
    if cut {
        notes.push((Degraded, "references written out; one to itself ends in an open schema"));
    } else if done {
        notes.push((Mended, "references written out"));
    }
}

/// What a schema that is a reference says in full; `None` where it is none, or refers to nothing here.
pub(super) fn resolved(schema: &Value, root: &Value) -> Option<Value> {
    let map = schema.as_object()?;
    let reference = map.get("$ref")?.as_str()?;
    let target = find(root, reference).filter(|target| !std::ptr::eq(*target, schema))?;
    let mut siblings = map.clone();
    siblings.shift_remove("$ref");
    Some(join(target.clone(), siblings))
}

fn find<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let target = root.pointer(reference.strip_prefix('#')?)?;
    (target.is_object() || target.is_boolean()).then_some(target)
}

/// What was referred to, with what stood beside the reference: notes win, conditions hold too.
fn join(target: Value, mut siblings: Map<String, Value>) -> Value {
    let mut whole = match target {
        Value::Object(map) => map,
        Value::Bool(false) => Map::from_iter([("not".to_owned(), json!({}))]),
        _ => Map::new(),
    };
    for note in NOTES {
        if let Some(value) = siblings.shift_remove(*note) {
            whole.insert((*note).to_owned(), value);
        }
    }
    if !siblings.is_empty() {
        let also = whole.entry("allOf").or_insert_with(|| json!([]));
        if let Value::Array(also) = also {
            also.push(Value::Object(siblings));
        }
    }
    Value::Object(whole)
}

struct Inliner<'a> {
    root: &'a Value,
    /// The references that are being written out.
    open: Vec<String>,
    budget: usize,
    done: bool,
    cut: bool,
}

impl Inliner<'_> {
    fn write_out(&mut self, schema: &mut Value) {
        self.budget = self.budget.saturating_sub(1);
        let reference = schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
        if let Some(reference) = reference
            && let Some(target) = find(self.root, &reference)
            && let Value::Object(siblings) = schema
        {
            siblings.shift_remove("$ref");
            let mut siblings = std::mem::take(siblings);
            let whole = if self.budget == 0 || self.open.contains(&reference) {
                self.cut = true;
                siblings.retain(|keyword, _| NOTES.contains(&&**keyword));
                opened(target)
            } else {
                self.done = true;
                let mut whole = target.clone();
                drop_definitions(&mut whole);
                self.open.push(reference);
                self.write_out(&mut whole);
                self.open.pop();
                let mut beside = Value::Object(siblings);
                children_mut(&mut beside, &mut |child| self.write_out(child));
                siblings = match beside {
                    Value::Object(map) => map,
                    _ => Map::new(),
                };
                whole
            };
            *schema = join(whole, siblings);
        } else {
            children_mut(schema, &mut |child| self.write_out(child));
        }
    }
}

/// The least that a schema says: its type and its notes.
fn opened(schema: &Value) -> Value {
    let told = ["type", "title", "description"].into_iter();
    told.filter_map(|keyword| Some((keyword.to_owned(), schema.get(keyword)?.clone()))).collect()
}

fn drop_definitions(schema: &mut Value) {
    if let Value::Object(map) = schema {
        map.shift_remove("$defs");
        map.shift_remove("definitions");
    }
    children_mut(schema, &mut drop_definitions);
}

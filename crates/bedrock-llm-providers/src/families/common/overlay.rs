//! What a body has beyond what we know of it, as an overlay that gives the body again.
//!
//! A decoder reads what it knows and asks what is left over; the overlay travels in a request's `extra`. A null in an
//! overlay takes away the member that we would have written, where we would have.

use bedrock_llm_schema::wire::Extra;
use serde_json::Value;

/// Lays an overlay over a body: objects member by member, anything else whole.
pub(crate) fn lay(body: &mut Extra, over: &Extra) {
    for (name, over) in over {
        match (body.get_mut(name), over) {
            (Some(Value::Object(body)), Value::Object(over)) => lay(body, over),
            (Some(_), Value::Null) => drop(body.shift_remove(name)),
            _ => drop(body.insert(name.clone(), over.clone())),
        }
    }
}

/// The overlay that makes `wanted` out of `body`.
pub(crate) fn over(body: &Extra, wanted: Extra) -> Extra {
    let taken: Vec<_> = body.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
    let mut overlay = Extra::new();
    for (name, wanted) in wanted {
        match (body.get(&name), wanted) {
            (Some(body), wanted) if *body == wanted => {}
            (Some(Value::Object(body)), Value::Object(wanted)) => {
                overlay.insert(name, Value::Object(over(body, wanted)));
            }
            (_, wanted) => drop(overlay.insert(name, wanted)),
        }
    }
    overlay.extend(taken.into_iter().map(|name| (name, Value::Null)));
    overlay
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Extra {
        let Value::Object(object) = value else { panic!("not an object") };
        object
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Without null members, which say as little as absent ones.
    fn told(value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let told = members.into_iter().filter(|(_, value)| !value.is_null());
                Value::Object(told.map(|(name, value)| (name, self::told(value))).collect())
            }
            other => other,
        }
    }

    #[test]
    fn what_is_unknown_odd_or_absent_is_kept() {
        let ours = object(json!({"text": "a", "size": 5, "nested": {"mode": "NONE"}, "list": [1]}));
        let theirs = object(json!({"text": "a", "size": 5.0, "nested": {"more": null}, "list": [1, 2]}));
        let overlay = over(&ours, theirs.clone());
        let expected = json!({"size": 5.0, "nested": {"more": null, "mode": null}, "list": [1, 2]});
        assert_eq!(Value::Object(overlay.clone()), expected);
        let mut again = ours;
        lay(&mut again, &overlay);
        assert_eq!(again, theirs);
    }

    proptest! {
        #[test]
        fn an_overlay_gives_the_body_again(ours in any_json(), theirs in any_json()) {
            let (mut ours, theirs) = (object(json!({"r": ours})), object(json!({"r": theirs})));
            let overlay = over(&ours, theirs.clone());
            lay(&mut ours, &overlay);
            prop_assert_eq!(told(Value::Object(ours)), told(Value::Object(theirs)));
        }
    }
}

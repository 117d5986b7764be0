//! Schemas before and after.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::ModelProfile;
use crate::normalize::{ChangeKind, StrictChange, strict_schema};
use crate::{ChatRequest, Normalizer, ToolSpec};

fn profile(refs: bool, unions: bool) -> ModelProfile {
    let mut profile = ModelProfile::default();
    profile.tools.schema_refs = Some(refs);
    profile.tools.root_unions = Some(unions);
    profile
}

fn lowered(schema: &Value, profile: &ModelProfile) -> Value {
    let mut tool = ToolSpec::new("t", "d", schema.clone());
    tool.lower(profile);
    let once = tool.clone();
    assert_eq!((tool.lower(profile), &tool), (vec![], &once), "a second time changes nothing");
    once.schema().clone()
}

fn takes(schema: &Value, instance: &Value) -> bool {
    jsonschema::validator_for(schema).unwrap().is_valid(instance)
}

#[test]
fn the_root_becomes_an_object() {
    let any = profile(true, true);
    for (before, after) in [
        (json!(true), json!({"type": "object", "properties": {}})),
        (json!(null), json!({"type": "object", "properties": {}})),
        (json!({}), json!({"type": "object"})),
        (json!({"title": "T", "$schema": "s"}), json!({"title": "T", "$schema": "s", "type": "object"})),
        (
            json!({"type": null, "properties": null, "required": null}),
            json!({"properties": {}, "type": "object"}),
        ),
        (json!({"type": ["object", "null"]}), json!({"type": "object"})),
        (
            json!({"properties": {"a": {"type": "object", "required": null}}}),
            json!({"properties": {"a": {"type": "object"}}, "type": "object"}),
        ),
        (
            json!({"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}}}),
            json!({
                "type": "object", "properties": {"n": {"$ref": "#/$defs/N"}},
                "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}}
            }),
        ),
        (
            json!({"anyOf": [{"type": "object"}, {"required": ["a"]}]}),
            json!({"anyOf": [{"type": "object"}, {"required": ["a"]}], "type": "object"}),
        ),
        // no program can mend these
        (json!({"type": "string"}), json!({"type": "string"})),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
        ),
        (json!({"$ref": "#/$defs/none"}), json!({"$ref": "#/$defs/none"})),
        (json!({"$ref": "#"}), json!({"$ref": "#"})),
        (json!({"enum": [1]}), json!({"enum": [1]})),
        (json!(false), json!(false)),
    ] {
        assert_eq!(lowered(&before, &any), after, "{before}");
    }
}

#[test]
fn what_is_right_stays() {
    let right = json!({
        "type": "object", "title": "T", "$schema": "s",
        "properties": {"$ref": {"type": "string"}, "definitions": {"enum": [{"$ref": "#/x"}], "default": null}},
        "required": ["$ref"]
    });
    let request = ChatRequest::new("m").message("hi").tool(ToolSpec::new("t", "d", right));
    let normalized = Normalizer::new().normalize(request.clone(), &profile(false, false));
    assert_eq!((normalized.changes, normalized.request), (vec![], request));
}

#[test]
fn references_are_written_out_where_they_are_not_taken() {
    let schema = json!({
        "type": "object",
        "properties": {
            "home": {"$ref": "#/$defs/Address", "description": "Where"},
            "list": {"type": "array", "items": {"$ref": "#/definitions/Zip"}},
            "far": {"$ref": "#/$defs/Zip~1Code", "maxLength": 3}
        },
        "$defs": {
            "Address": {"type": "object", "description": "An address", "properties": {"zip": {"$ref": "#/definitions/Zip"}}},
            "Zip/Code": {"type": "string"}
        },
        "definitions": {"Zip": {"type": "string"}}
    });
    assert_eq!(lowered(&schema, &profile(true, false)), schema);
    assert_eq!(
        lowered(&schema, &profile(false, false)),
        json!({
            "type": "object",
            "properties": {
                "home": {"type": "object", "description": "Where", "properties": {"zip": {"type": "string"}}},
                "list": {"type": "array", "items": {"type": "string"}},
                "far": {"type": "string", "allOf": [{"maxLength": 3}]}
            }
        })
    );
}

#[test]
fn references_to_themselves_and_without_end_are_cut() {
    let tree = json!({
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}, "up": {"$ref": "#"}},
        "$defs": {"Tree": {"type": "object", "title": "Tree", "properties": {"left": {"$ref": "#/$defs/Tree"}}}}
    });
    let mut tool = ToolSpec::new("t", "d", tree);
    let changes = tool.lower(&profile(false, true));
    assert_eq!(
        tool.schema()["properties"],
        json!({
            "kids": {"type": "array", "items": {
                "type": "object", "title": "Tree", "properties": {"left": {"type": "object", "title": "Tree"}}
            }},
            "up": {"type": "object"}
        })
    );
    assert_eq!((changes.len(), changes[0].kind), (1, ChangeKind::Degraded));
    assert_eq!((changes[0].path.as_str(), changes[0].rule), ("inputSchema.json", "R-TOOL-SCHEMA"));

    // each definition uses the next twice: 2^40 schemas
    let definitions: serde_json::Map<_, _> = (0..40)
        .map(|i| {
            let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
            (format!("d{i}"), json!({"type": "object", "properties": {"a": next, "b": next}}))
        })
        .chain([("d40".to_owned(), json!({"type": "string"}))])
        .collect();
    let bomb = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": definitions});
    assert!(lowered(&bomb, &profile(false, true)).to_string().len() < 1_000_000);
}

#[test]
fn claude_gets_no_union_at_the_root() {
    let profile = crate::Catalog::builtin().profile(&"anthropic.claude-sonnet-9".into()).into_owned();
    let schema = json!({
        "description": "A shape",
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "disc"}, "r": {"type": "number"}}, "required": ["kind", "r"], "additionalProperties": false},
            {"$ref": "#/$defs/Box"}
        ],
        "$defs": {"Box": {"type": "object", "properties": {"kind": {"const": "box"}}, "required": ["kind"]}}
    });
    let mut tool = ToolSpec::new("t", "d", schema.clone());
    let changes = tool.lower(&profile);
    assert_eq!(changes[0].kind, ChangeKind::Degraded);
    assert_eq!(
        tool.schema()["properties"],
        json!({"kind": {"anyOf": [{"const": "disc"}, {"const": "box"}]}, "r": {"type": "number"}})
    );
    assert_eq!((&tool.schema()["required"], &tool.schema()["type"]), (&json!(["kind"]), &json!("object")));
    for shape in [json!({"kind": "disc", "r": 1}), json!({"kind": "box"})] {
        assert!(takes(&schema, &shape) && takes(tool.schema(), &shape));
    }
    let all = json!({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]});
    assert_eq!(
        lowered(&all, &profile),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]})
    );
}

#[test]
fn an_empty_description_goes() {
    let request = ChatRequest::new("m")
        .message("hi")
        .tool(ToolSpec::new("a", "d", json!({"type": "object"})))
        .tool(ToolSpec::new("b", " ", json!({"type": "object"})));
    let normalized = Normalizer::new().normalize(request, &profile(true, true));
    let change = &normalized.changes[0];
    assert_eq!(
        (change.rule, change.path.as_str()),
        ("R-TOOL-DESCRIPTION", "toolConfig.tools[1].toolSpec.description")
    );
    assert!(normalized.request.tool_config.unwrap().specs().nth(1).unwrap().description.is_none());
}

#[test]
fn strict_schemas_have_the_recorded_form() {
    // as recording 8a3d6a1df318 was sent
    let mut schema = json!({
        "type": "object",
        "properties": {
            "score": {"type": "number", "minimum": 0.0, "maximum": 100.0},
            "rating": {"type": "integer", "multipleOf": 5, "format": "uint8", "description": "Stars"},
            "when": {"type": "string", "format": "date"},
            "which": {"oneOf": [{"const": 1}, {"type": "object", "properties": {"b": {"type": "array", "minItems": 1}}}]},
            "map": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
        }
    });
    assert_eq!(
        strict_schema(&mut schema),
        [StrictChange::Closed, StrictChange::Described, StrictChange::AnyOf]
    );
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "score": {"type": "number", "description": "minimum=0.0, maximum=100.0"},
                "rating": {"type": "integer", "description": "Stars (multipleOf=5, format=\"uint8\")"},
                "when": {"type": "string", "format": "date"},
                "which": {"anyOf": [{"const": 1}, {"type": "object", "properties": {"b": {"type": "array", "minItems": 1}}, "additionalProperties": false}]},
                "map": {"type": "object", "additionalProperties": {"type": "integer", "description": "minimum=0"}}
            },
            "additionalProperties": false
        })
    );
    assert_eq!(strict_schema(&mut schema), []);
    // two schemas of one object do not shut out each other's members
    let mut joined = json!({"allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {}}}], "$defs": {"A": {"properties": {"a": {}}}}});
    assert_eq!(strict_schema(&mut joined), []);
    let mut flat = json!({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]});
    assert_eq!(strict_schema(&mut flat), []);
}

#[test]
fn strict_tools_and_native_answers_are_bound() {
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let mut closed = open.clone();
    strict_schema(&mut closed);
    let request = ChatRequest::new("m")
        .message("hi")
        .tool(ToolSpec::new("strict", "d", open.clone()).strict(true))
        .tool(ToolSpec::new("free", "d", open.clone()))
        .json_schema("out", &open);
    let normalized = Normalizer::new().normalize(request, &profile(true, true));
    let paths: Vec<_> = normalized.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "toolConfig.tools[0].toolSpec.inputSchema.json",
            "outputConfig.textFormat.structure.jsonSchema.schema"
        ]
    );
    let expected = ChatRequest::new("m")
        .message("hi")
        .tool(ToolSpec::new("strict", "d", closed.clone()).strict(true))
        .tool(ToolSpec::new("free", "d", open))
        .json_schema("out", &closed);
    assert_eq!(normalized.request, expected);
}

#[test]
fn what_is_no_schema_is_named_with_its_place() {
    for (schema, pointer) in [
        (json!({"type": "string"}), ""),
        (json!("text"), ""),
        (json!({"properties": {"a/b": {"type": "text"}}}), "/properties/a~1b/type"),
        (json!({"properties": {"a": 5}}), "/properties/a"),
        (json!({"properties": []}), "/properties"),
        (json!({"properties": {}, "required": "a"}), "/required"),
        (json!({"properties": {"a": {"anyOf": {}}}}), "/properties/a/anyOf"),
        (json!({"properties": {"a": {"items": "string"}}}), "/properties/a/items"),
        (json!({"properties": {"a": {"$ref": "#/$defs/B"}}}), "/properties/a/$ref"),
    ] {
        let error = ToolSpec::new("weather", "d", schema.clone()).compile().unwrap_err();
        assert_eq!((error.tool.as_str(), error.pointer.as_str()), ("weather", pointer), "{schema}");
    }
    assert!(ToolSpec::new("t", "d", json!({"type": "object", "properties": {"a": true}})).compile().is_ok());
}

/// A schema; with `definitions` of them, which refer only to later ones, so that none is part of itself.
fn schema(depth: u32) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer", "minimum": 2})),
        Just(json!({"const": "x"})),
        Just(json!(true)),
        (0..3_u8).prop_map(|name| json!({"$ref": format!("#/$defs/{name}")})),
        (0..3_u8).prop_map(|name| json!({"$ref": format!("#/$defs/{name}"), "type": "string", "title": "T"})),
    ];
    leaf.prop_recursive(depth, 16, 3, |inner| {
        let one = inner.clone();
        prop_oneof![
            prop::collection::btree_map("[ab]", inner.clone(), 0..3).prop_map(
                |properties| json!({"type": "object", "properties": properties, "required": ["a"]})
            ),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|branches| json!({"anyOf": branches})),
            prop::collection::vec(inner, 1..3).prop_map(|branches| json!({"allOf": branches})),
            one.prop_map(|items| json!({"type": "array", "items": items})),
        ]
    })
    .boxed()
}

fn instance() -> BoxedStrategy<Value> {
    let leaf =
        prop_oneof![Just(json!("x")), Just(json!("y")), (0..4).prop_map(|n| json!(n)), Just(json!(null))];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::btree_map("[abx]", inner.clone(), 0..3).prop_map(|map| json!(map)),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn written_out_it_takes_the_same(
        body in schema(3),
        definitions in prop::collection::vec(schema(2), 3),
        instances in prop::collection::vec(instance(), 8),
    ) {
        // a definition refers to later ones alone, the last to none
        let definitions: serde_json::Map<_, _> = definitions
            .into_iter()
            .enumerate()
            .map(|(name, definition)| (name.to_string(), forward(definition, name)))
            .collect();
        let whole = json!({"type": "object", "properties": {"x": body}, "$defs": definitions});
        let lowered = lowered(&whole, &profile(false, true));
        prop_assert!(!lowered.to_string().contains("$ref"), "{lowered}");
        for instance in instances {
            let instance = json!({"x": instance});
            prop_assert_eq!(takes(&whole, &instance), takes(&lowered, &instance), "{} as {}", whole, lowered);
        }
    }

    #[test]
    fn no_value_is_too_odd(body in schema(3), value in instance(), refs: bool, unions: bool) {
        lowered(&body, &profile(refs, unions));
        lowered(&json!({"properties": value, "anyOf": value, "$defs": {"0": body}}), &profile(refs, unions));
        let _ = ToolSpec::new("t", "d", value).compile();
        let mut strict = body;
        strict_schema(&mut strict);
        prop_assert_eq!(strict_schema(&mut strict), []);
    }
}

/// References only to definitions after this one; the others become anything.
fn forward(mut schema: Value, name: usize) -> Value {
    let is_later =
        |text: &str| text.rsplit('/').next().is_some_and(|other| other.parse::<usize>().unwrap() > name);
    if schema["$ref"].as_str().is_some_and(|reference| !is_later(reference)) {
        return json!(true);
    }
    super::walk::children_mut(&mut schema, &mut |child| *child = forward(child.take(), name));
    schema
}

//! The comparison: the graph that is, against the rooms that should be.

use super::graph::{Graph, Member};
use super::rooms::{self, AWS_SDK, Room};
use crate::metadata::Kind;

/// Every violation, in words.
pub(crate) fn check(graph: &Graph) -> Vec<String> {
    let mut violations = Vec::new();
    for name in &graph.not_pinned {
        violations.push(format!(
            "[workspace.dependencies]: {name} is not pinned to the workspace's version with `=`"
        ));
    }
    for member in &graph.members {
        let mut broken = |what: String| violations.push(format!("{}: {what}", member.name));
        for name in &member.not_inherited {
            broken(format!("{name} is not inherited from the workspace"));
        }
        match rooms::of(&member.name) {
            Some(room) => {
                edges(graph, member, room, &mut broken);
                closure(member, room, &mut broken);
            }
            None => broken("has no room in xtask/src/deps/rooms.rs".to_owned()),
        }
    }
    violations
}

/// What the crate itself declares, optional or not; tests may reach anywhere.
fn edges(graph: &Graph, member: &Member, room: &Room, broken: &mut impl FnMut(String)) {
    for (name, kind) in member.declared.iter().filter(|(_, kind)| *kind != Kind::Dev) {
        let internal = graph.members.iter().any(|member| member.name == *name);
        if internal && !room.may_use.contains(&name.as_str()) {
            broken(format!("must not know {name}"));
        }
        if rooms::matches(AWS_SDK, name) && !room.uses_aws_sdk {
            let kind = if *kind == Kind::Build { "build-depends" } else { "depends" };
            broken(format!("{kind} on {name}, which only the client's transport may"));
        }
    }
}

/// What it is built with, however deep.
fn closure(member: &Member, room: &Room, broken: &mut impl FnMut(String)) {
    for package in member.closure.iter().filter(|package| rooms::matches(room.without, &package.name)) {
        broken(format!("is built with {} {}", package.name, package.version));
    }
    if room.without_c {
        for name in member.c_code() {
            broken(format!("is built with C code: {name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deps::graph::Package;

    fn member(name: &str, declared: &[(&str, Kind)], closure: &[&str]) -> Member {
        let package =
            |name: &&str| Package { name: (*name).to_owned(), version: "1.0.0".to_owned(), links: None };
        Member {
            name: name.to_owned(),
            declared: declared.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            closure: closure.iter().map(package).collect(),
            ..Member::default()
        }
    }

    fn house(change: impl FnOnce(&mut Vec<Member>)) -> Vec<String> {
        use Kind::{Dev, Normal};
        let mut members = vec![
            member("bedrock-llm-schema", &[("serde", Normal), ("tokio", Dev)], &["serde"]),
            member(
                "bedrock-llm-providers",
                &[("bedrock-llm-schema", Normal), ("bedrock-llm-client", Dev)],
                &["serde"],
            ),
            member(
                "bedrock-llm-client",
                &[
                    ("bedrock-llm-schema", Normal),
                    ("bedrock-llm-providers", Normal),
                    ("aws-sdk-bedrockruntime", Normal),
                ],
                &["serde", "tokio", "aws-sdk-bedrockruntime", "ring", "cc"],
            ),
            member(
                "bedrock-llm-local",
                &[("bedrock-llm-providers", Normal), ("aws-sdk-bedrockruntime", Dev)],
                &["aws-smithy-eventstream", "tokio"],
            ),
            member(
                "bedrock-llm",
                &[("bedrock-llm-client", Normal), ("bedrock-llm-local", Normal)],
                &["tokio"],
            ),
            member("bench", &[("bedrock-llm", Normal), ("aws-sdk-bedrockruntime", Normal)], &[]),
        ];
        change(&mut members);
        check(&Graph { members, ..Graph::default() })
    }

    fn adds(member: usize, name: &str) -> Vec<String> {
        house(|members| members[member].declared.push((name.to_owned(), Kind::Normal)))
    }

    fn builds_with(member: usize, name: &str) -> Vec<String> {
        let package = Package { name: name.to_owned(), version: "2.0.0".to_owned(), links: None };
        house(|members| members[member].closure.extend([package]))
    }

    #[test]
    fn a_sound_house_stands() {
        assert_eq!(house(|_| ()), [""; 0]);
    }

    #[test]
    fn nobody_looks_up_or_sideways() {
        assert_eq!(
            adds(0, "bedrock-llm-providers"),
            ["bedrock-llm-schema: must not know bedrock-llm-providers"]
        );
        assert_eq!(
            adds(1, "bedrock-llm-client"),
            ["bedrock-llm-providers: must not know bedrock-llm-client"]
        );
        assert_eq!(adds(2, "bedrock-llm"), ["bedrock-llm-client: must not know bedrock-llm"]);
        assert_eq!(adds(3, "bedrock-llm-client"), ["bedrock-llm-local: must not know bedrock-llm-client"]);
        assert_eq!(adds(4, "bench"), ["bedrock-llm: must not know bench"]);
    }

    #[test]
    fn an_optional_or_build_dependency_counts_too() {
        let found = house(|members| members[0].declared.push(("bedrock-llm-client".to_owned(), Kind::Build)));
        assert_eq!(found, ["bedrock-llm-schema: must not know bedrock-llm-client"]);
    }

    #[test]
    fn only_transports_see_the_sdk() {
        let found = adds(4, "aws-config");
        assert!(found.len() == 1 && found[0].starts_with("bedrock-llm: depends on aws-config"), "{found:?}");
        assert_eq!(builds_with(3, "aws-sdk-sts"), ["bedrock-llm-local: is built with aws-sdk-sts 2.0.0"]);
    }

    #[test]
    fn sans_io_stays_so_however_deep() {
        assert_eq!(builds_with(0, "tokio"), ["bedrock-llm-schema: is built with tokio 2.0.0"]);
        assert_eq!(builds_with(1, "tower-layer"), ["bedrock-llm-providers: is built with tower-layer 2.0.0"]);
        assert_eq!(
            builds_with(1, "aws-smithy-types"),
            ["bedrock-llm-providers: is built with aws-smithy-types 2.0.0"]
        );
        assert_eq!(builds_with(0, "cc"), ["bedrock-llm-schema: is built with C code: cc"]);
        assert_eq!(builds_with(0, "zstd-sys"), ["bedrock-llm-schema: is built with C code: zstd-sys"]);
        assert_eq!(builds_with(2, "cc"), [""; 0]);
    }

    #[test]
    fn every_crate_has_a_room_and_inherits() {
        let found = house(|members| {
            members.push(member("bedrock-llm-attic", &[], &[]));
            members[1].not_inherited.push("bedrock-llm-schema".to_owned());
        });
        assert_eq!(
            found,
            [
                "bedrock-llm-providers: bedrock-llm-schema is not inherited from the workspace",
                "bedrock-llm-attic: has no room in xtask/src/deps/rooms.rs",
            ]
        );
        let loose = Graph { not_pinned: vec!["bedrock-llm-schema".to_owned()], ..Graph::default() };
        assert_eq!(check(&loose).len(), 1);
    }
}

//! Who may know whom: `docs/src/architecture.md` as a table.

/// One crate of the workspace and what may stand below it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: &'static str,
    /// Crates of the workspace it may depend on. Tests may reach anywhere.
    pub(crate) may_use: &'static [&'static str],
    /// Packages that must not be among its normal and build dependencies, however deep; `*` ends a prefix.
    pub(crate) without: &'static [&'static str],
    /// Whether it builds with rustc alone.
    pub(crate) without_c: bool,
    /// Whether it may itself depend on the AWS SDK (`AWS_SDK`).
    pub(crate) uses_aws_sdk: bool,
}

/// The SDK's clients and its configuration. Its smaller parts (`aws-smithy-eventstream`, …) are no more than libraries.
pub(crate) const AWS_SDK: &[&str] = &["aws-sdk-*", "aws-config"];

/// What sans-I/O crates leave to others.
const IO: &[&str] = &["aws-*", "tokio", "tokio-*", "tower", "tower-*"];

const SCHEMA: &str = "bedrock-llm-schema";
const PROVIDERS: &str = "bedrock-llm-providers";
const CLIENT: &str = "bedrock-llm-client";
const LOCAL: &str = "bedrock-llm-local";
const MONITOR: &str = "bedrock-llm-monitor";
const EMBEDDINGS: &str = "bedrock-llm-embeddings";
const MACROS: &str = "bedrock-llm-macros";
const AGENT: &str = "bedrock-llm-agent";
const PIPELINE: &str = "bedrock-llm-pipeline";
const FACADE: &str = "bedrock-llm";

/// Every room below the facade.
const PARTS: &[&str] = &[SCHEMA, PROVIDERS, CLIENT, LOCAL, MONITOR, EMBEDDINGS, MACROS, AGENT, PIPELINE];
/// The facade too.
const ALL: &[&str] =
    &[FACADE, SCHEMA, PROVIDERS, CLIENT, LOCAL, MONITOR, EMBEDDINGS, MACROS, AGENT, PIPELINE];

const fn room(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, may_use, without: &[], without_c: false, uses_aws_sdk: false }
}

/// Every room there is or will be; a crate without a room here is a violation.
pub(crate) const ROOMS: &[Room] = &[
    Room { without: IO, without_c: true, ..room(SCHEMA, &[]) },
    Room { without: IO, without_c: true, ..room(PROVIDERS, &[SCHEMA]) },
    Room { uses_aws_sdk: true, ..room(CLIENT, &[SCHEMA, PROVIDERS]) },
    Room { without: AWS_SDK, ..room(LOCAL, &[SCHEMA, PROVIDERS]) },
    Room { without: AWS_SDK, ..room(MONITOR, &[SCHEMA]) },
    room(EMBEDDINGS, &[SCHEMA, PROVIDERS, CLIENT]),
    Room { without: IO, without_c: true, ..room(MACROS, &[]) },
    room(AGENT, &[SCHEMA, PROVIDERS, CLIENT, MACROS]),
    Room { without: AWS_SDK, ..room(PIPELINE, &[]) },
    room(FACADE, PARTS),
    room("bedrock-llm-cli", ALL),
    // not published: examples show how a ready SDK client is handed over, bench measures us beside the SDK
    Room { uses_aws_sdk: true, ..room("examples", ALL) },
    Room { uses_aws_sdk: true, ..room("bench", ALL) },
    room("conformance", ALL),
    room("soak", ALL),
    room("xtask", &[]),
];

/// The room of a crate.
pub(crate) fn of(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// Whether a package's name is one of these, `*` ending a prefix.
pub(crate) fn matches(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_cycle() {
        fn below(name: &str, path: &mut Vec<String>) {
            assert!(!path.iter().any(|above| above == name), "cycle: {path:?} -> {name}");
            path.push(name.to_owned());
            for next in of(name).unwrap().may_use {
                below(next, path);
            }
            path.pop();
        }
        for room in ROOMS {
            below(room.name, &mut Vec::new());
        }
    }

    #[test]
    fn patterns_end_in_a_star_or_are_whole_names() {
        assert!(matches(IO, "aws-sdk-bedrockruntime") && matches(IO, "tokio") && matches(IO, "tower-http"));
        assert!(!matches(IO, "tokioish") && !matches(AWS_SDK, "aws-smithy-types"));
    }
}

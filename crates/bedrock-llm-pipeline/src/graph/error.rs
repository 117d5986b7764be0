//! What is wrong with a graph.

use std::fmt;

use crate::ConfigError;

/// A graph that cannot be: said when nodes are added or connected, or when it is built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A name for two nodes.
    #[error("there are two nodes named `{name}`; give one of them another name")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A name of no characters.
    #[error("a node has an empty name; errors, statistics and edges need one")]
    Unnamed,
    /// No node of that name.
    #[error("there is no node named `{name}`{}", Known { what: "nodes", similar: similar.as_deref(), all })]
    Unknown {
        /// The name.
        name: String,
        /// A node that may be meant.
        similar: Option<String>,
        /// The names of all nodes.
        all: Vec<String>,
    },
    /// One node gives what the other does not take.
    #[error("`{from}` gives `{gives}`, but `{to}` takes `{takes}`")]
    Types {
        /// The node before.
        from: String,
        /// The type of its values.
        gives: &'static str,
        /// The node behind.
        to: String,
        /// The type that it takes; of a join, that of the part that is next.
        takes: &'static str,
    },
    /// The condition of an edge looks at another type than the node before gives.
    #[error("the condition from `{from}` to `{to}` looks at `{looks_at}`, but `{from}` gives `{gives}`")]
    Condition {
        /// The node before.
        from: String,
        /// The node behind.
        to: String,
        /// The type that the condition takes.
        looks_at: &'static str,
        /// The type of the node's values.
        gives: &'static str,
    },
    /// The two nodes are connected already.
    #[error("`{from}` already leads to `{to}`")]
    Connected {
        /// The node before.
        from: String,
        /// The node behind.
        to: String,
    },
    /// A way that comes back to where it began.
    #[error("`{}` would never end: values only flow one way", path.join(" -> "))]
    Cycle {
        /// The nodes of the way; the first is the last.
        path: Vec<String>,
    },
    /// More nodes lead to a join than it has parts.
    #[error("the join `{join}` has {parts} parts and no room for `{from}`")]
    Full {
        /// The join.
        join: String,
        /// How many parts it takes.
        parts: usize,
        /// The node that is too much.
        from: String,
    },
    /// Fewer nodes lead to a join than it has parts.
    #[error("the join `{join}` has {parts} parts, but only {connected} lead to it; connect the others")]
    Missing {
        /// The join.
        join: String,
        /// How many parts it takes.
        parts: usize,
        /// How many nodes lead to it.
        connected: usize,
    },
    /// No nodes.
    #[error("the graph has no nodes; add at least one")]
    Empty,
    /// Several nodes that nothing leads to, or that lead nowhere.
    #[error("{}", Loose { nothing_leads_to, lead_nowhere })]
    LooseEnds {
        /// Nodes without an edge to them that are not declared to be the input.
        nothing_leads_to: Vec<String>,
        /// Nodes without an edge from them that are not declared to be the output.
        lead_nowhere: Vec<String>,
    },
    /// A node that is to take the graph's input and to which another leads.
    #[error("`{name}` is declared to take the graph's input, but `{from}` leads to it")]
    NotAnInput {
        /// The node.
        name: String,
        /// A node that leads to it.
        from: String,
    },
    /// The first node does not take what the graph is built for.
    #[error("the graph is built to take `{given}`, but its first node `{name}` takes `{takes}`")]
    Input {
        /// The node.
        name: String,
        /// The type that it takes.
        takes: &'static str,
        /// The type that the graph shall take.
        given: &'static str,
    },
    /// The last node does not give what the graph is built for.
    #[error("the graph is built to give `{wanted}`, but its last node `{name}` gives `{gives}`")]
    Output {
        /// The node.
        name: String,
        /// The type of its values.
        gives: &'static str,
        /// The type that the graph shall give.
        wanted: &'static str,
    },
    /// A setting of a node that cannot be used.
    #[error("`{name}`: {error}")]
    Setting {
        /// The node.
        name: String,
        /// What is wrong with it.
        error: ConfigError,
    },
    /// A node that cannot have what is asked for it.
    #[error("`{name}` cannot have `{option}`: {why}")]
    Unsuitable {
        /// The node.
        name: String,
        /// What it cannot have.
        option: &'static str,
        /// Why.
        why: &'static str,
    },
}

/// What may be meant, and what there is.
pub(super) struct Known<'a> {
    pub(super) what: &'a str,
    pub(super) similar: Option<&'a str>,
    pub(super) all: &'a [String],
}

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(similar) = self.similar {
            write!(f, "; did you mean `{similar}`?")
        } else if self.all.is_empty() {
            write!(f, "; there are no {} yet", self.what)
        } else {
            write!(f, "; the {} are {}", self.what, quoted(self.all))
        }
    }
}

struct Loose<'a> {
    nothing_leads_to: &'a [String],
    lead_nowhere: &'a [String],
}

impl fmt::Display for Loose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.nothing_leads_to.is_empty() {
            let names = quoted(self.nothing_leads_to);
            write!(f, "nothing leads to {names}: connect them, or declare them as inputs")?;
        }
        if !self.nothing_leads_to.is_empty() && !self.lead_nowhere.is_empty() {
            f.write_str("; ")?;
        }
        if !self.lead_nowhere.is_empty() {
            let names = quoted(self.lead_nowhere);
            write!(f, "nothing comes after {names}: connect them, or declare them as outputs")?;
        }
        Ok(())
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name that is most like this one, if any is like it.
pub(super) fn similar<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Option<String> {
    all.into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}

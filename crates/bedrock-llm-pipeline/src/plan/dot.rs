//! Drawings for Graphviz.
//!
//! A node with pipelines inside is a cluster; edges to it and from it go to nodes within and are cut off at its frame
//! (`compound`, `lhead`, `ltail`).

use super::{Plan, PlanNode};

impl Plan {
    pub(crate) fn to_dot(&self) -> String {
        let mut drawing = Drawing { text: "digraph pipeline {\n".to_owned(), depth: 1 };
        drawing.line("compound=true;");
        drawing.line("node [shape=box];");
        drawing.line("\"input\" [shape=oval];");
        drawing.nodes(self, "");
        drawing.line("\"output\" [shape=oval];");
        let input = End { node: "input".to_owned(), frame: None };
        let output = End { node: "output".to_owned(), frame: None };
        if self.nodes.is_empty() {
            drawing.edge(&input, &output, false);
        }
        for place in (0..self.nodes.len()).filter(|&place| self.is_entry(place)) {
            drawing.edge(&input, &self.first(place, ""), false);
        }
        drawing.edges(self, "");
        for place in (0..self.nodes.len()).filter(|&place| self.is_exit(place)) {
            drawing.edge(&self.last(place, ""), &output, false);
        }
        drawing.text.push_str("}\n");
        drawing.text
    }

    /// Where an edge to a node ends.
    fn first(&self, place: usize, path: &str) -> End {
        let id = format!("{path}n{place}");
        match self.nodes.get(place).and_then(|node| node.inside.first()) {
            None => End { node: id, frame: None },
            Some(plan) => {
                let node = plan.first(0, &format!("{id}p0")).node;
                End { node, frame: Some(format!("cluster_{id}")) }
            }
        }
    }

    /// Where an edge from a node begins.
    fn last(&self, place: usize, path: &str) -> End {
        let id = format!("{path}n{place}");
        match self.nodes.get(place).and_then(|node| node.inside.last().zip(node.inside.len().checked_sub(1)))
        {
            None => End { node: id, frame: None },
            Some((plan, inside)) => {
                let last = plan.nodes.len().saturating_sub(1);
                let node = plan.last(last, &format!("{id}p{inside}")).node;
                End { node, frame: Some(format!("cluster_{id}")) }
            }
        }
    }
}

/// A node, and the frame at which an edge to it is cut off.
struct End {
    node: String,
    frame: Option<String>,
}

struct Drawing {
    text: String,
    depth: usize,
}

impl Drawing {
    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn nodes(&mut self, plan: &Plan, path: &str) {
        for (place, node) in plan.nodes.iter().enumerate() {
            let id = format!("{path}n{place}");
            if node.inside.is_empty() {
                self.line(&format!("{} [label={}];", quote(&id), quote(&label(node))));
                continue;
            }
            self.line(&format!("subgraph {} {{", quote(&format!("cluster_{id}"))));
            self.depth += 1;
            self.line(&format!("label={};", quote(&label(node))));
            for (place, inside) in node.inside.iter().enumerate() {
                let id = format!("{id}p{place}");
                if inside.nodes.is_empty() {
                    self.line(&format!("{} [label=\"unchanged\"];", quote(&format!("{id}n0"))));
                }
                self.nodes(inside, &id);
                self.edges(inside, &id);
            }
            self.depth -= 1;
            self.line("}");
        }
    }

    fn edges(&mut self, plan: &Plan, path: &str) {
        for edge in &plan.edges {
            self.edge(&plan.last(edge.from, path), &plan.first(edge.to, path), edge.conditional);
        }
    }

    fn edge(&mut self, from: &End, to: &End, conditional: bool) {
        let mut attributes = Vec::new();
        if let Some(frame) = &from.frame {
            attributes.push(format!("ltail={}", quote(frame)));
        }
        if let Some(frame) = &to.frame {
            attributes.push(format!("lhead={}", quote(frame)));
        }
        if conditional {
            attributes.push("style=dashed, label=\"if\"".to_owned());
        }
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        self.line(&format!("{} -> {}{attributes};", quote(&from.node), quote(&to.node)));
    }
}

fn label(node: &PlanNode) -> String {
    let name = node.probe.name();
    node.shown_kind().map_or_else(|| name.to_string(), |kind| format!("{name}\n{kind}"))
}

/// A string of DOT. In a label `\n` is a new line and every other backslash must be doubled.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            _ if char.is_control() => quoted.push(' '),
            // Graphviz reads HTML's entities in labels
            '&' => quoted.push_str("&amp;"),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use layout::gv::DotParser;
    use layout::gv::parser::ast;

    use super::super::tests::composite;
    use crate::Pipeline;

    #[test]
    fn pipelines_inside_are_clusters() {
        let dot = composite().to_dot();
        assert_eq!(
            dot,
            r#"digraph pipeline {
    compound=true;
    node [shape=box];
    "input" [shape=oval];
    "n0" [label="split \"it\"\nflat_map"];
    subgraph "cluster_n1" {
        label="which\nbranch";
        subgraph "cluster_n1p0n0" {
            label="yes";
            "n1p0n0p0n0" [label="end\nmap"];
            "n1p0n0p0n1" [label="map"];
            "n1p0n0p0n0" -> "n1p0n0p0n1";
        }
        subgraph "cluster_n1p1n0" {
            label="no";
            "n1p1n0p0n0" [label="unchanged"];
        }
    }
    "output" [shape=oval];
    "input" -> "n0";
    "n0" -> "n1p0n0p0n0" [lhead="cluster_n1", style=dashed, label="if"];
    "n1p1n0p0n0" -> "output" [ltail="cluster_n1"];
}
"#
        );
        DotParser::new(&dot).process().unwrap();
    }

    #[test]
    fn another_reader_finds_the_names() {
        let dot = Pipeline::new().map(|number: u8| number).named("a \"b\" \\ ] -> {c}; &lt;").to_dot();
        let graph = DotParser::new(&dot).process().unwrap();
        let labels: Vec<_> = graph
            .list
            .list
            .iter()
            .filter_map(|statement| match statement {
                ast::Stmt::Node(node) => node.list.iter().find(|(name, _)| name == "label"),
                _ => None,
            })
            .map(|(_, label)| label.as_str())
            .collect();
        assert_eq!(labels, ["a \"b\" \\ ] -> {c}; &amp;lt;\nmap"]);
    }
}

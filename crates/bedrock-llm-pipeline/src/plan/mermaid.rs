//! Drawings for Mermaid.
//!
//! Nodes have ids of our own (`n0`, `n0p1n2`), so that no name can be a keyword; names stand in quotes, where Mermaid
//! reads `#35;` as a character.

use std::fmt::Write as _;

use super::{Plan, PlanNode};

impl Plan {
    pub(crate) fn to_mermaid(&self) -> String {
        let mut drawing = Drawing { text: "flowchart TD\n".to_owned(), depth: 1 };
        drawing.line("input([\"input\"])");
        drawing.nodes(self, "");
        drawing.line("output([\"output\"])");
        if self.nodes.is_empty() {
            drawing.line("input --> output");
        }
        for place in (0..self.nodes.len()).filter(|&place| self.is_entry(place)) {
            drawing.line(&format!("input --> n{place}"));
        }
        drawing.edges(self, "");
        for place in (0..self.nodes.len()).filter(|&place| self.is_exit(place)) {
            drawing.line(&format!("n{place} --> output"));
        }
        drawing.text
    }
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
                self.line(&format!("{id}[\"{}\"]", label(node)));
                continue;
            }
            self.line(&format!("subgraph {id}[\"{}\"]", label(node)));
            self.depth += 1;
            for (place, inside) in node.inside.iter().enumerate() {
                let id = format!("{id}p{place}");
                if inside.nodes.is_empty() {
                    self.line(&format!("{id}n0[\"unchanged\"]"));
                }
                self.nodes(inside, &id);
                self.edges(inside, &id);
            }
            self.depth -= 1;
            self.line("end");
        }
    }

    fn edges(&mut self, plan: &Plan, path: &str) {
        for edge in &plan.edges {
            let arrow = if edge.conditional { "-. if .->" } else { "-->" };
            self.line(&format!("{path}n{} {arrow} {path}n{}", edge.from, edge.to));
        }
    }
}

fn label(node: &PlanNode) -> String {
    let name = escape(node.probe.name());
    node.shown_kind().map_or_else(|| name.clone(), |kind| format!("{name}<br/>{}", escape(kind)))
}

/// Everything but letters, digits and what means nothing to Mermaid, as a character's number.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => escaped.push_str("<br/>"),
            ' ' | '_' | '-' | '.' | ',' | ':' | '/' => escaped.push(char),
            _ if char.is_control() => escaped.push(' '),
            _ if char.is_ascii() && !char.is_ascii_alphanumeric() => {
                // writing to a string cannot fail
                let _ = write!(escaped, "#{};", u32::from(char));
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::composite;
    use super::*;
    use crate::Pipeline;

    #[test]
    fn pipelines_inside_are_subgraphs() {
        assert_eq!(
            composite().to_mermaid(),
            r#"flowchart TD
    input(["input"])
    n0["split #34;it#34;<br/>flat_map"]
    subgraph n1["which<br/>branch"]
        subgraph n1p0n0["yes"]
            n1p0n0p0n0["end<br/>map"]
            n1p0n0p0n1["map"]
            n1p0n0p0n0 --> n1p0n0p0n1
        end
        subgraph n1p1n0["no"]
            n1p1n0p0n0["unchanged"]
        end
    end
    output(["output"])
    input --> n0
    n0 -. if .-> n1
    n1 --> output
"#
        );
    }

    #[test]
    fn a_pipeline_of_nothing_leads_from_end_to_end() {
        let drawing = Pipeline::<u8, u8, _>::new().to_mermaid();
        assert_eq!(
            drawing,
            "flowchart TD\n    input([\"input\"])\n    output([\"output\"])\n    input --> output\n"
        );
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(escape("a\"b]\n`#;<end>\té"), "a#34;b#93;<br/>#96;#35;#59;#60;end#62; é");
    }
}

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
            } else {
                self.subgraph(&id, &label(node), |drawing| drawing.inside(node, &id));
            }
        }
    }

    fn subgraph(&mut self, id: &str, title: &str, content: impl FnOnce(&mut Self)) {
        self.line(&format!("subgraph {id}[\"{title}\"]"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.line("end");
    }

    /// The pipelines inside a node, framed where there are several or they have names.
    fn inside(&mut self, node: &PlanNode, id: &str) {
        for (place, plan) in node.inside.iter().enumerate() {
            let id = format!("{id}p{place}");
            let content = |drawing: &mut Self| {
                if plan.nodes.is_empty() {
                    drawing.line(&format!("{id}n0[\"unchanged\"]"));
                }
                drawing.nodes(plan, &id);
                drawing.edges(plan, &id);
            };
            match &plan.label {
                Some(label) => self.subgraph(&id, &escape(label), content),
                None if node.inside.len() > 1 => self.subgraph(&id, &(place + 1).to_string(), content),
                None => content(self),
            }
        }
    }

    fn edges(&mut self, plan: &Plan, path: &str) {
        for edge in &plan.edges {
            let arrow = if edge.conditional { "-. if .->" } else { "-->" };
            self.line(&format!("{path}n{} {arrow} {path}n{}", edge.from, edge.to));
        }
    }
}

/// The name, and the kind where the name does not say it.
fn label(node: &PlanNode) -> String {
    let name = node.probe.name();
    if **name == *node.kind { escape(name) } else { format!("{}<br/>{}", escape(name), escape(&node.kind)) }
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
    n0["split<br/>flat_map"]
    subgraph n1["both<br/>node"]
        subgraph n1p0["1"]
            n1p0n0["end<br/>map"]
            n1p0n1["map"]
            n1p0n0 --> n1p0n1
        end
        subgraph n1p1["short #34;ones#34;"]
            n1p1n0["unchanged"]
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

//! The prompt templates of the Llama generations.
//!
//! <https://www.llama.com/docs/model-cards-and-prompt-formats/>

use bedrock_llm_schema::{ModelId, Role};

use crate::families::common::template::{Mark, Script, Turn, joined, parse};

/// Where an image stands in the prompt.
pub(super) const IMAGE: &str = "<|image|>";

/// A generation's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Template {
    Llama2,
    Llama3,
    Llama4,
}

const LLAMA2: &[(&str, Mark)] = &[
    ("<s>", Mark::Closes),
    ("</s>", Mark::Closes),
    ("[INST]", Mark::Opens(Role::User)),
    ("[/INST]", Mark::Opens(Role::Assistant)),
    ("<<SYS>>", Mark::Opens(Role::System)),
    ("<</SYS>>", Mark::Opens(Role::User)),
];

const LLAMA3: &[(&str, Mark)] = &[
    ("<|begin_of_text|>", Mark::Closes),
    ("<|eot_id|>", Mark::Closes),
    ("<|end_of_text|>", Mark::Closes),
    ("<|start_header_id|>system<|end_header_id|>", Mark::Opens(Role::System)),
    ("<|start_header_id|>user<|end_header_id|>", Mark::Opens(Role::User)),
    ("<|start_header_id|>assistant<|end_header_id|>", Mark::Opens(Role::Assistant)),
];

const LLAMA4: &[(&str, Mark)] = &[
    ("<|begin_of_text|>", Mark::Closes),
    ("<|eot|>", Mark::Closes),
    ("<|end_of_text|>", Mark::Closes),
    ("<|header_start|>system<|header_end|>", Mark::Opens(Role::System)),
    ("<|header_start|>user<|header_end|>", Mark::Opens(Role::User)),
    ("<|header_start|>assistant<|header_end|>", Mark::Opens(Role::Assistant)),
];

/// Takes a prompt apart by the template its text is in.
pub(super) fn read(prompt: &str) -> Option<Script> {
    let marks = if prompt.contains("<|header_start|>") {
        LLAMA4
    } else if prompt.contains("<|start_header_id|>") {
        LLAMA3
    } else {
        LLAMA2
    };
    parse(prompt, marks, false)
}

impl Template {
    /// The template of a model; Llama 3's, which most have, where the id does not tell.
    pub(super) fn of(model: &ModelId) -> Self {
        match model.base().unwrap_or_default() {
            base if base.contains("llama2") => Self::Llama2,
            base if base.contains("llama4") => Self::Llama4,
            _ => Self::Llama3,
        }
    }

    /// Writes turns, the model's left open at the end.
    pub(super) fn write(self, turns: &[Turn]) -> String {
        match self {
            Self::Llama2 => llama2(&joined(turns)),
            Self::Llama3 => headed(turns, ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
            Self::Llama4 => headed(turns, ["<|header_start|>", "<|header_end|>", "<|eot|>"]),
        }
    }
}

fn headed(turns: &[Turn], [open, close, end]: [&str; 3]) -> String {
    let mut prompt = "<|begin_of_text|>".to_owned();
    for (place, turn) in turns.iter().enumerate() {
        let text = turn.text.trim();
        prompt.push_str(&format!("{open}{}{close}\n\n{text}", turn.role));
        let is_begun_answer = turn.role == Role::Assistant && place + 1 == turns.len();
        if is_begun_answer {
            return prompt;
        }
        prompt.push_str(end);
    }
    prompt + &format!("{open}assistant{close}\n\n")
}

fn llama2(turns: &[Turn]) -> String {
    let mut prompt = String::new();
    let mut system = None;
    for (place, Turn { role, text }) in turns.iter().enumerate() {
        match role {
            Role::System => system = Some(text),
            Role::Assistant if place + 1 == turns.len() => prompt.push_str(&format!(" {text}")),
            Role::Assistant => prompt.push_str(&format!(" {text} </s>")),
            _ => {
                let system =
                    system.take().map(|text| format!("<<SYS>>\n{text}\n<</SYS>>\n\n")).unwrap_or_default();
                prompt.push_str(&format!("<s>[INST] {system}{text} [/INST]"));
            }
        }
    }
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Vec<Turn> {
        [(Role::System, "Be brief."), (Role::User, "hi"), (Role::Assistant, "hello"), (Role::User, "bye")]
            .map(|(role, text)| Turn { role, text: text.to_owned() })
            .into()
    }

    #[test]
    fn every_template_writes_what_it_reads() {
        for template in [Template::Llama2, Template::Llama3, Template::Llama4] {
            assert_eq!(read(&template.write(&turns())).unwrap().turns, turns());
            let begun = [turns(), vec![Turn { role: Role::Assistant, text: "So".to_owned() }]].concat();
            assert_eq!(read(&template.write(&begun)).unwrap().turns, begun);
        }
    }

    #[test]
    fn the_documented_forms() {
        let prompt = "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nhi [/INST] hello </s><s>[INST] bye [/INST]";
        assert_eq!(Template::Llama2.write(&turns()), prompt);
        let prompt = "\n<|begin_of_text|><|start_header_id|>user<|end_header_id|>\nhi\n<|eot_id|>\n<|start_header_id|>assistant<|end_header_id|>\n";
        assert_eq!(read(prompt).unwrap().turns, [Turn { role: Role::User, text: "hi".to_owned() }]);
        assert_eq!(read("What is the capital of France?"), None);
        assert_eq!(Template::of(&"us.meta.llama4-scout-17b-instruct-v1:0".into()), Template::Llama4);
    }
}

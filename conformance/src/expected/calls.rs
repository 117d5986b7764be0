//! Tool calls whose arguments come in pieces, and the blocks of a stream.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::answer::Answer;

/// A tool call as far as it came.
#[derive(Default)]
pub(super) struct Call {
    pub id: String,
    pub name: String,
    pub raw: String,
    /// Nothing more comes for it.
    pub closed: bool,
}

/// Adds a streamed call to the answer: to its tool uses if its arguments are whole, else to those left apart.
/// Where the model ran out of tokens in the very call, no arguments are not `{}`.
pub(super) fn settle(answer: &mut Answer, call: &Call, is_last: bool) {
    let stop = answer.stop_reason.as_deref();
    let ran_out = is_last && matches!(stop, Some("max_tokens" | "model_context_window_exceeded"));
    let input = match call.raw.trim() {
        _ if !call.closed && stop.is_none() => None,
        "" => (!ran_out).then(|| json!({})),
        raw => serde_json::from_str(raw).ok(),
    };
    match input {
        Some(input) => answer.tool_use(&call.id, &call.name, &input),
        None => answer.incomplete.push(json!({"id": call.id, "name": call.name, "raw": call.raw})),
    }
}

/// A block as far as it came.
#[derive(Default)]
pub(super) struct Block {
    pub text: String,
    pub reasoning: String,
    pub signature: String,
    pub redacted: Vec<u8>,
    pub citations: Vec<Value>,
    pub call: Option<Call>,
}

impl Block {
    pub(super) fn redact(&mut self, base64: &Value) {
        self.redacted.extend(BASE64_STANDARD.decode(super::text(base64)).unwrap_or_default());
    }

    /// Opens a tool call.
    pub(super) fn open(&mut self, id: &Value, name: &Value) -> &mut Call {
        let (id, name) = (super::text(id).to_owned(), super::text(name).to_owned());
        self.call.insert(Call { id, name, ..Call::default() })
    }

    /// A piece of a call's arguments.
    pub(super) fn input(&mut self, piece: &Value) {
        if let Some(call) = &mut self.call {
            call.raw.push_str(super::text(piece));
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(call) = &mut self.call {
            call.closed = true;
        }
    }
}

/// Blocks by their index, in whatever order their pieces come.
#[derive(Default)]
pub(super) struct Blocks(BTreeMap<u64, Block>);

impl Blocks {
    pub(super) fn at(&mut self, index: &Value) -> &mut Block {
        self.0.entry(index.as_u64().unwrap_or_default()).or_default()
    }

    /// Adds the blocks to an answer of which the stop reason is known, if it ever came.
    pub(super) fn settle(self, answer: &mut Answer) {
        let last = self.0.keys().next_back().copied();
        for (index, block) in self.0 {
            answer.text.push_str(&block.text);
            answer.reasoning.push_str(&block.reasoning);
            answer.signature.push_str(&block.signature);
            answer.citations.extend(block.citations);
            if !block.redacted.is_empty() {
                answer.redacted.push(BASE64_STANDARD.encode(block.redacted));
            }
            if let Some(call) = &block.call {
                settle(answer, call, Some(index) == last);
            }
        }
    }
}

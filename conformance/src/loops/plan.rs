//! What a loop is to be told by the model and by the tools, and what it has to send each time.

use anyhow::Result;
use bedrock_llm_local::Reply;
use bedrock_llm_schema::ToolChoice;
use serde_json::{Value, json};

use super::exchange::Exchange;
use super::history::calls;
use super::tools::RecordedCall;
use super::turns::{differ, masked};
use crate::diff::diff;

/// What is to be sent and answered, call by call of the model; the last is the exchange that is replayed.
pub(super) struct Plan {
    /// What each request has to say, as Converse JSON.
    pub expected: Vec<Value>,
    pub replies: Vec<Reply>,
    pub calls: Vec<RecordedCall>,
    /// The tool choice that was asked for with the first answer alone.
    pub first_choice: Option<ToolChoice>,
    /// How many of the earlier answers are given in the very bytes that were recorded.
    pub recorded: usize,
    /// What the recorded client did between the exchanges that no loop does.
    pub notes: Vec<String>,
}

impl Plan {
    pub(super) fn new(exchange: &Exchange, starts: &[usize], all: &[Exchange]) -> Result<Self> {
        let turns = &exchange.request.messages;
        let last = exchange.asked(&exchange.recording.request.body)?;
        let mut plan = Self {
            expected: Vec::new(),
            replies: Vec::new(),
            calls: Vec::new(),
            first_choice: None,
            recorded: 0,
            notes: Vec::new(),
        };
        // each turn as it was sent first
        let mut sent = turns.clone();
        for place in (1..turns.len()).step_by(2).rev() {
            if let Some(before) = predecessor(exchange, all, place) {
                sent.iter_mut().zip(&before.request.messages).for_each(|(ours, first)| {
                    if masked(&json!([ours])) == masked(&json!([first])) {
                        ours.clone_from(first);
                    }
                });
            }
        }
        for place in (1..turns.len()).step_by(2) {
            let Some(answer) = turns.get(place) else { continue };
            let before = predecessor(exchange, all, place);
            plan.answer(exchange, before, &last, place, starts.len() == 1)?;
            let results = sent.get(place + 1).into_iter().flat_map(|turn| turn.tool_results());
            let pairs = calls(answer).zip(results);
            plan.calls.extend(pairs.map(|(call, result)| RecordedCall::new(call.clone(), result.clone())));
        }
        plan.expected.push(last);
        plan.replies.push(exchange.reply());
        Ok(plan)
    }

    /// The request before a turn of the model's, and that turn.
    fn answer(
        &mut self,
        exchange: &Exchange,
        before: Option<&Exchange>,
        last: &Value,
        place: usize,
        is_one_run: bool,
    ) -> Result<()> {
        let Some(told) = exchange.request.messages.get(place) else { return Ok(()) };
        let mut expected = cut(last, place);
        let mut reply = Reply::content(told.content.clone());
        if let Some(before) = before {
            let asked = before.asked(&before.recording.request.body)?;
            let name = &before.name;
            match diff(&masked(&asked["messages"]), &masked(&expected["messages"])) {
                Some(what) => self.notes.push(format!("the client rewrote what {name} says: {what}")),
                None => {
                    if let Some(what) = diff(&cut(&asked, 0), &cut(&expected, 0)) {
                        let mut forced = expected.clone();
                        forced["toolConfig"]["toolChoice"] = asked["toolConfig"]["toolChoice"].clone();
                        if place == 1 && is_one_run && diff(&cut(&asked, 0), &cut(&forced, 0)).is_none() {
                            self.first_choice =
                                serde_json::from_value(forced["toolConfig"]["toolChoice"].clone())?;
                            expected = forced;
                        } else {
                            self.notes.push(format!("{name} asks with other settings: {what}"));
                        }
                    }
                    expected["messages"] = asked["messages"].clone();
                }
            }
            match before.answer.as_ref().and_then(|answer| differ(answer, told)) {
                Some(what) => {
                    self.notes.push(format!("the client tells the answer of {name} otherwise: {what}"))
                }
                None => {
                    reply = before.reply();
                    self.recorded += 1;
                }
            }
        }
        self.expected.push(expected);
        self.replies.push(reply);
        Ok(())
    }
}

/// The exchange of the same program in which this turn of the model's was recorded.
fn predecessor<'a>(exchange: &Exchange, all: &'a [Exchange], place: usize) -> Option<&'a Exchange> {
    let told = exchange.request.messages.get(place)?;
    let ids = |message| calls(message).map(|call| &call.tool_use_id).collect::<Vec<_>>();
    all.iter().filter(|before| before.is_akin_to(exchange) && before.request.messages.len() == place).find(
        |before| {
            before.answer.as_ref().is_some_and(|answer| match ids(told) {
                none if none.is_empty() => ids(answer).is_empty() && answer.text() == told.text(),
                told => told == ids(answer),
            })
        },
    )
}

/// A request with this many of its turns.
fn cut(request: &Value, turns: usize) -> Value {
    let mut request = request.clone();
    if let Some(messages) = request["messages"].as_array_mut() {
        messages.truncate(turns);
    }
    request
}

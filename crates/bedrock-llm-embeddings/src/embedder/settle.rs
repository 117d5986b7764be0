//! What becomes of a call: vectors in their places, parts that are sent again, failures.

use std::collections::VecDeque;

use bedrock_llm_schema::embed::{Element, EmbedInput};
use bedrock_llm_schema::response::Response as _;
use bedrock_llm_schema::tokens::of_text;
use bedrock_llm_schema::{EmbedResponse, Error, ErrorKind};

use super::EmbedService;
use super::long::{LongText, TextLimits};
use super::run::Run;
use super::unit::Unit;
use crate::FailedInput;
use crate::fatal::is_fatal;
use crate::normalize::normalize;

/// How often a text that the service finds too long is tried with a tighter limit, each three quarters of the last.
const TIGHTENINGS: u8 = 4;

impl<T: Element, S: EmbedService> Run<T, S> {
    pub(super) fn answered(
        &mut self,
        units: Vec<Unit>,
        mut response: EmbedResponse,
        inputs: impl FnOnce() -> Vec<EmbedInput>,
    ) {
        self.blame.answered();
        if !response.is_replayed {
            self.usage.calls += 1;
            let tokens = response.usage().map_or(0, |usage| usage.input_tokens);
            self.usage.input_tokens = self.usage.input_tokens.saturating_add(tokens);
            for unit in &units {
                if let Some(entry) = self.entries.get_mut(unit.entry) {
                    entry.is_worked_on = true;
                }
            }
        }
        let wanted = units.len();
        let error = match response.take::<T>() {
            Some(matrix) if matrix.len() != wanted => {
                format!("the model gave {} vectors for {wanted} inputs", matrix.len())
            }
            Some(matrix) if self.plan.width.is_some_and(|width| width != matrix.width()) => {
                let found = matrix.width().saturating_mul(T::DIMENSIONS);
                format!("the model gave vectors of {found} dimensions, which is not what was asked for")
            }
            Some(matrix) => {
                let mut failed = VecDeque::new();
                for (place, (unit, row)) in units.iter().zip(matrix.rows()).enumerate() {
                    if let Err(error) = self.take_row(*unit, row) {
                        failed.push_back((place, *unit, error));
                    }
                }
                if failed.is_empty() {
                    return;
                }
                for (place, input) in inputs().into_iter().enumerate() {
                    if failed.front().is_some_and(|(at, ..)| *at == place)
                        && let Some((_, unit, error)) = failed.pop_front()
                    {
                        self.fail(unit, input, error);
                    }
                }
                return;
            }
            None => format!("the model gave no vectors of type {}", self.plan.r#type),
        };
        let error = Error::new(ErrorKind::Decode, error).with_model_if_none(&self.plan.model);
        self.fail_all(units.into_iter().zip(inputs()), error);
    }

    /// Puts a vector in its place, or a piece's to those of the other pieces.
    fn take_row(&mut self, unit: Unit, row: &[T]) -> Result<(), Error> {
        let Some(entry) = self.entries.get_mut(unit.entry).filter(|entry| entry.wants(unit)) else {
            return Ok(());
        };
        let row = self.plan.keep.and_then(|keep| row.get(..keep)).unwrap_or(row);
        let mut numbers = Vec::new();
        let is_scaled = match &mut entry.pool {
            None if !self.plan.scale => false,
            None => {
                numbers.extend_from_slice(row);
                true
            }
            Some(pool) => {
                numbers.extend_from_slice(row);
                let floats = T::floats(&mut numbers).unwrap_or_default();
                let scale = self.plan.scale || self.plan.keep.is_some();
                let Some(mean) = pool.add(floats, unit.weight, scale) else { return Ok(()) };
                floats.copy_from_slice(&mean);
                self.plan.is_normalized
            }
        };
        if is_scaled && let Some(floats) = T::floats(&mut numbers) {
            normalize(floats).map_err(|error| {
                Error::new(ErrorKind::AnswerInvalid, error.to_string())
                    .with_model_if_none(&self.plan.model)
                    .with_source(error)
            })?;
        }
        let row = if numbers.is_empty() { row } else { &numbers };
        entry.indices.iter().try_for_each(|index| self.rows.place(*index, row))?;
        let equal = entry.indices.len().saturating_sub(1);
        let cached = equal + usize::from(!entry.is_worked_on);
        self.usage.cached = self.usage.cached.saturating_add(wide(cached));
        if let Some(ticket) = entry.settle() {
            ticket.land(row);
        }
        self.cache.iter().for_each(|cache| cache.count_shared(equal));
        Ok(())
    }

    /// A call that failed: its parts go again where one of them may be to blame.
    pub(super) fn refused(&mut self, mut group: Vec<(Unit, EmbedInput)>, error: Error) {
        let is_of_content = concerns_content(&error);
        if is_of_content {
            self.blame.refused(group.len(), &error);
        }
        let is_over = is_fatal(&error) || is_of_content && self.blame.is_on_all();
        if is_of_content && !is_over {
            if group.len() > 1 {
                let second = group.split_off(group.len() / 2);
                self.queue.push_front(second);
                self.queue.push_front(group);
                return;
            }
            if error.is_context_overflow()
                && let Some((unit, input)) = group.pop()
            {
                self.overflowed(unit, input, error);
                return;
            }
        }
        if is_over && self.over.is_none() {
            let all = error.duplicate();
            self.over = Some(if is_fatal(&error) { all } else { all.with_hint(ABOUT_ALL) });
        }
        self.fail_all(group, error);
    }

    /// A text that is too long by the service's count: its limit was too wide.
    fn overflowed(&mut self, unit: Unit, input: EmbedInput, error: Error) {
        let Some(entry) = self.entries.get_mut(unit.entry).filter(|entry| entry.wants(unit)) else { return };
        let EmbedInput::Text(text) = &input else { return self.fail(unit, input, error) };
        if self.plan.long_texts == LongText::Error {
            let error = if error.hint().is_none() { error.with_hint(ABOUT_LONG_TEXTS) } else { error };
            return self.fail(unit, input, error);
        }
        if entry.tries >= TIGHTENINGS {
            return self.fail(unit, input, error);
        }
        entry.tries += 1;
        entry.limits = entry.limits.tighter(text);
        entry.renew();
        let whole = entry.whole.take().unwrap_or(input);
        let mut units = Vec::new();
        self.cut(unit.entry, whole, &mut units);
        let limits = self.plan.call_limits;
        for group in limits.pack(units, |(_, input)| limits.weigh(input)).into_iter().rev() {
            self.queue.push_front(group);
        }
    }

    pub(super) fn fail_all(&mut self, units: impl IntoIterator<Item = (Unit, EmbedInput)>, error: Error) {
        let mut units = units.into_iter();
        let first = units.next();
        for (unit, input) in units {
            self.fail(unit, input, error.duplicate());
        }
        // it has the cause, which cannot be shared
        if let Some((unit, input)) = first {
            self.fail(unit, input, error);
        }
    }

    pub(super) fn fail(&mut self, unit: Unit, input: EmbedInput, error: Error) {
        let Some(entry) = self.entries.get_mut(unit.entry).filter(|entry| entry.wants(unit)) else { return };
        let input = entry.whole.take().unwrap_or(input);
        self.fail_entry(unit.entry, input, error);
    }

    /// All inputs of an entry have failed.
    pub(super) fn fail_entry(&mut self, place: usize, input: EmbedInput, error: Error) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        if let Some(ticket) = entry.settle() {
            ticket.fail(&error);
        }
        let indices = std::mem::take(&mut entry.indices);
        let start = self.start;
        let failed = |index: usize, input, error| FailedInput::new(start.saturating_add(index), input, error);
        let Some((first, equal)) = indices.split_first() else { return };
        for index in equal {
            self.failed.push(failed(*index, input.clone(), error.duplicate()));
        }
        self.failed.push(failed(*first, input, error));
    }

    pub(super) fn too_long(&self, text: &str, limits: TextLimits) -> Error {
        let characters = text.chars().count();
        let message = match limits.characters.filter(|most| wide(characters) > *most) {
            Some(most) => format!("the text has {characters} characters, and the model takes {most}"),
            None => {
                format!("the text has about {} tokens, more than twice what the model takes", of_text(text))
            }
        };
        Error::new(ErrorKind::ContextOverflow, message)
            .with_model_if_none(&self.plan.model)
            .with_hint(ABOUT_LONG_TEXTS)
    }
}

const ABOUT_LONG_TEXTS: &str = "shorten it, or let the embedder do so: `EmbedderBuilder::long_texts`";

const ABOUT_ALL: &str = "this input was not refused by itself: others were, one by one and in these words, and none was \
                         taken; look at the embedder's settings, `extra` above all";

/// Whether one of several inputs may be to blame, so that others are worth another call.
fn concerns_content(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Validation | ErrorKind::ContextOverflow | ErrorKind::InvalidRequest)
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

//! From inputs to vectors: what is kept, who fetches, what is sent again in smaller parts.

use std::collections::VecDeque;
use std::sync::Arc;

use bedrock_llm_client::batch::concerns_every_call;
use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedPurpose};
use bedrock_llm_schema::request::CacheUse;
use bedrock_llm_schema::response::Response as _;
use bedrock_llm_schema::tokens::of_text;
use bedrock_llm_schema::{EmbedResponse, Error, ErrorKind};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Semaphore;

use super::EmbedService;
use super::long::{LongText, TextLimits};
use super::plan::Plan;
use super::pool::Pool;
use super::rows::Rows;
use super::send::{Answer, send};
use super::unit::{Entry, Unit};
use crate::cache::{Found, Kept, KeyMaker, Ticket, wait};
use crate::normalize::normalize;
use crate::{EmbedCache, EmbedOutcome, EmbedUsage, Embeddings, FailedInput};

/// How often a text that the service finds too long is tried with a tighter limit, each three quarters of the last.
const TIGHTENINGS: u8 = 4;

/// One list of inputs on its way.
pub(super) struct Run<T, S> {
    service: S,
    plan: Arc<Plan>,
    gate: Arc<Semaphore>,
    cache: Option<EmbedCache>,
    purpose: Option<EmbedPurpose>,
    /// The index of the first input.
    start: usize,
    rows: Rows<T>,
    failed: Vec<FailedInput>,
    usage: EmbedUsage,
    /// What this run fetches itself.
    entries: Vec<Entry>,
    queue: VecDeque<Vec<(Unit, EmbedInput)>>,
}

impl<T: Element, S: EmbedService> Run<T, S> {
    pub(super) fn new(
        service: S,
        plan: Arc<Plan>,
        gate: Arc<Semaphore>,
        cache: Option<EmbedCache>,
        purpose: Option<EmbedPurpose>,
    ) -> Self {
        let bypass = plan.options.as_ref().is_some_and(|options| options.cache == CacheUse::Bypass);
        Self {
            service,
            plan,
            gate,
            cache: cache.filter(|_| !bypass),
            purpose,
            start: 0,
            rows: Rows::new(0),
            failed: Vec::new(),
            usage: EmbedUsage::default(),
            entries: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    /// Embeds inputs, the first of which has this index.
    pub(super) async fn embed(mut self, inputs: Vec<EmbedInput>, start: usize) -> EmbedOutcome<T> {
        self.start = start;
        self.rows = Rows::new(inputs.len());
        self.fetch(inputs.into_iter().enumerate().collect()).await;
        self.finish()
    }

    /// Embeds what failed before, and keeps what came.
    pub(super) async fn again(mut self, came: Embeddings<T>, failed: Vec<FailedInput>) -> EmbedOutcome<T> {
        let open = self.take_up(&came, failed);
        drop(came);
        self.fetch(open).await;
        self.finish()
    }

    /// Puts what came in its place, and gives what did not.
    fn take_up(&mut self, came: &Embeddings<T>, failed: Vec<FailedInput>) -> Vec<(usize, EmbedInput)> {
        self.start = came.start();
        self.usage = came.usage();
        self.rows = Rows::new(came.len() + failed.len());
        let open: Vec<_> = failed
            .into_iter()
            .map(|failed| (failed.index.saturating_sub(self.start), failed.input))
            .collect();
        let mut places = open.iter().map(|(index, _)| *index).peekable();
        let mut index = 0;
        for row in came.rows() {
            while places.next_if_eq(&index).is_some() {
                index += 1;
            }
            // they had one width before
            let placed = self.rows.place(index, row);
            debug_assert!(placed.is_ok());
            index += 1;
        }
        open
    }

    fn finish(mut self) -> EmbedOutcome<T> {
        self.failed.sort_unstable_by_key(|failed| failed.index);
        let matrix = self.rows.into_matrix();
        let embeddings = Embeddings::new(matrix, self.plan.model.clone(), self.usage, self.start);
        EmbedOutcome::new(embeddings, self.failed, self.purpose)
    }

    /// Gets every vector, from the cache, from others who are on the way, or from the service.
    ///
    /// What this run has promised to others it fetches before it waits for others itself: two runs never wait for each
    /// other.
    async fn fetch(&mut self, mut open: Vec<(usize, EmbedInput)>) {
        let keys = self.cache.as_ref().and_then(|_| self.keys());
        while !open.is_empty() {
            let mut flights = Vec::new();
            let mut units = Vec::new();
            for (index, input) in open.drain(..) {
                let key = keys.as_ref().and_then(|keys| keys.key(&input));
                match self.cache.as_ref().zip(key).map(|(cache, key)| cache.find(key)) {
                    None => self.admit(index, input, None, &mut units),
                    Some(Found::Nothing(ticket)) => self.admit(index, input, Some(ticket), &mut units),
                    Some(Found::Vector(kept)) => self.take_kept(index, input, &kept),
                    Some(Found::Flight(flight)) => flights.push((index, input, flight)),
                }
            }
            self.enqueue(units);
            self.drive().await;
            self.entries.clear();
            for (index, input, flight) in flights {
                let landed = wait(flight).await;
                if let (Some(_), Some(cache)) = (&landed, &self.cache) {
                    cache.count_shared();
                }
                match landed {
                    Some(Ok(kept)) => self.take_kept(index, input, &kept),
                    Some(Err(error)) => self.fail_input(index, input, error),
                    None => open.push((index, input)),
                }
            }
        }
    }

    fn keys(&self) -> Option<KeyMaker> {
        KeyMaker::new(&self.plan.manner(self.purpose.as_ref()))
    }

    fn take_kept(&mut self, index: usize, input: EmbedInput, kept: &Kept) {
        // the key says of what type the numbers are
        let row = kept.downcast_ref::<Vec<T>>().map(Vec::as_slice).unwrap_or_default();
        match self.rows.place(index, row) {
            Ok(()) => self.usage.cached += 1,
            Err(error) => self.fail_input(index, input, error),
        }
    }

    /// Takes an input that is to be fetched.
    fn admit(
        &mut self,
        index: usize,
        input: EmbedInput,
        ticket: Option<Ticket>,
        units: &mut Vec<(Unit, EmbedInput)>,
    ) {
        let place = self.entries.len();
        self.entries.push(Entry::new(index, ticket, self.plan.text_limits));
        self.cut(place, input, units);
    }

    /// Makes an input one or several units, as its limits and the policy want.
    fn cut(&mut self, place: usize, input: EmbedInput, units: &mut Vec<(Unit, EmbedInput)>) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        let (limits, tries) = (entry.limits, entry.tries);
        let unit = |weight| Unit { entry: place, tries, weight };
        let EmbedInput::Text(text) = &input else {
            units.push((unit(0), input));
            return;
        };
        if limits.hold(text) {
            units.push((unit(0), input));
            return;
        }
        match self.plan.long_texts {
            LongText::Error => {
                let error = self.too_long(text, limits);
                self.fail(unit(0), input, error);
            }
            LongText::TruncateEnd => {
                units.push((unit(0), limits.beginning(text).into()));
                entry.whole = Some(input);
            }
            LongText::TruncateStart => {
                units.push((unit(0), limits.end(text).into()));
                entry.whole = Some(input);
            }
            LongText::SplitAndPool => {
                let pieces = limits.pieces(text);
                entry.pool = Some(Pool::new(pieces.len()));
                units.extend(pieces.into_iter().map(|piece| (unit(of_text(piece)), piece.into())));
                entry.whole = Some(input);
            }
        }
    }

    fn enqueue(&mut self, units: Vec<(Unit, EmbedInput)>) {
        let limits = self.plan.call_limits;
        self.queue.extend(limits.pack(units, |(_, input)| limits.weigh(input)));
    }

    /// Sends what is queued until every entry is settled.
    async fn drive(&mut self) {
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.plan.concurrency
                && let Some(mut group) = self.queue.pop_front()
            {
                let entries = &self.entries;
                group.retain(|(unit, _)| entries.get(unit.entry).is_some_and(|entry| entry.wants(*unit)));
                if group.is_empty() {
                    continue;
                }
                let (service, plan) = (self.service.clone(), Arc::clone(&self.plan));
                running.push(send(service, plan, Arc::clone(&self.gate), self.purpose.clone(), group));
            }
            match running.next().await {
                Some((units, Answer::Came { response, inputs })) => self.answered(units, response, inputs),
                Some((units, Answer::Failed { error, inputs })) => {
                    self.refused(units.into_iter().zip(inputs).collect(), error);
                }
                None => return,
            }
        }
    }

    fn answered(
        &mut self,
        units: Vec<Unit>,
        mut response: EmbedResponse,
        inputs: impl FnOnce() -> Vec<EmbedInput>,
    ) {
        self.usage.calls += 1;
        match response.usage() {
            _ if response.is_replayed => {
                self.usage.cached = self.usage.cached.saturating_add(wide(units.len()));
            }
            Some(usage) => {
                self.usage.input_tokens = self.usage.input_tokens.saturating_add(usage.input_tokens)
            }
            None => {}
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
                let Some(mean) = pool.add(floats, unit.weight) else { return Ok(()) };
                floats.copy_from_slice(&mean);
                self.plan.scale_means
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
        self.rows.place(entry.index, row)?;
        if let Some(ticket) = entry.settle() {
            ticket.land(row);
        }
        Ok(())
    }

    /// A call that failed: its parts go again where one of them may be to blame.
    fn refused(&mut self, mut group: Vec<(Unit, EmbedInput)>, error: Error) {
        if concerns_content(&error) {
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
        let is_for_all = concerns_every_call(&error);
        let rest = if is_for_all { std::mem::take(&mut self.queue) } else { VecDeque::new() };
        self.fail_all(group.into_iter().chain(rest.into_iter().flatten()), error);
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
        entry.pool = None;
        let whole = entry.whole.take().unwrap_or(input);
        let mut units = Vec::new();
        self.cut(unit.entry, whole, &mut units);
        let limits = self.plan.call_limits;
        for group in limits.pack(units, |(_, input)| limits.weigh(input)).into_iter().rev() {
            self.queue.push_front(group);
        }
    }

    fn fail_all(&mut self, units: impl IntoIterator<Item = (Unit, EmbedInput)>, error: Error) {
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

    fn fail(&mut self, unit: Unit, input: EmbedInput, error: Error) {
        let Some(entry) = self.entries.get_mut(unit.entry).filter(|entry| entry.wants(unit)) else { return };
        let input = entry.whole.take().unwrap_or(input);
        let index = entry.index;
        if let Some(ticket) = entry.settle() {
            ticket.fail(&error);
        }
        self.fail_input(index, input, error);
    }

    fn fail_input(&mut self, index: usize, input: EmbedInput, error: Error) {
        self.failed.push(FailedInput::new(self.start.saturating_add(index), input, error));
    }

    fn too_long(&self, text: &str, limits: TextLimits) -> Error {
        let (characters, most) = (text.chars().count(), limits.characters.unwrap_or_default());
        let model = &self.plan.model;
        Error::new(
            ErrorKind::ContextOverflow,
            format!("the text has {characters} characters, and the model takes {most}"),
        )
        .with_model_if_none(model)
        .with_hint(ABOUT_LONG_TEXTS)
    }
}

const ABOUT_LONG_TEXTS: &str = "shorten it, or let the embedder do so: `EmbedderBuilder::long_texts`";

/// Whether one of several inputs may be to blame, so that others are worth another call.
fn concerns_content(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Validation | ErrorKind::ContextOverflow | ErrorKind::InvalidRequest)
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

//! From inputs to vectors: what is kept, who fetches what, and how it is cut.

use std::collections::VecDeque;
use std::sync::Arc;

use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedPurpose};
use bedrock_llm_schema::request::CacheUse;
use bedrock_llm_schema::tokens::of_text;
use bedrock_llm_schema::{Error, ErrorKind};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Semaphore;

use super::EmbedService;
use super::long::LongText;
use super::plan::Plan;
use super::pool::Pool;
use super::rows::Rows;
use super::send::{Answer, send};
use super::unit::{Entry, Unit};
use crate::cache::{Found, Kept, KeyMaker, Ticket, wait};
use crate::{EmbedCache, EmbedOutcome, EmbedUsage, Embeddings, FailedInput};

/// One list of inputs on its way.
pub(super) struct Run<T, S> {
    service: S,
    pub(super) plan: Arc<Plan>,
    gate: Arc<Semaphore>,
    cache: Option<EmbedCache>,
    pub(super) purpose: Option<EmbedPurpose>,
    /// The index of the first input.
    pub(super) start: usize,
    pub(super) rows: Rows<T>,
    pub(super) failed: Vec<FailedInput>,
    pub(super) usage: EmbedUsage,
    /// What this run fetches itself.
    pub(super) entries: Vec<Entry>,
    pub(super) queue: VecDeque<Vec<(Unit, EmbedInput)>>,
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
    pub(super) async fn again(mut self, outcome: EmbedOutcome<T>) -> EmbedOutcome<T> {
        if let Some(difference) = self.difference(&outcome) {
            return outcome.map_errors(|before| {
                let message =
                    format!("it cannot be tried again for what came of the others before: {difference}");
                Error::new(ErrorKind::InvalidRequest, message)
                    .with_hint("retry with the embedder that made the others, or one with its settings")
                    .with_model_if_none(&self.plan.model)
                    .with_source(before)
            });
        }
        let (came, failed) = outcome.into_parts();
        let open = self.take_up(&came, failed);
        drop(came);
        self.fetch(open).await;
        self.finish()
    }

    /// Why what came cannot stand beside this run's vectors, if so.
    fn difference(&self, outcome: &EmbedOutcome<T>) -> Option<String> {
        if outcome.embeddings().is_empty() {
            return None;
        }
        outcome.manner().difference(&self.plan.manner)
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
            // they had one width before, so that there is room for each
            if self.rows.place(index, row).is_err() {
                break;
            }
            index += 1;
        }
        open
    }

    fn finish(mut self) -> EmbedOutcome<T> {
        self.failed.sort_unstable_by_key(|failed| failed.index);
        let matrix = self.rows.into_matrix();
        let embeddings = Embeddings::new(matrix, self.plan.model.clone(), self.usage, self.start)
            .of_model(self.plan.manner.model.clone());
        EmbedOutcome::new(embeddings, self.failed, self.purpose, Arc::clone(&self.plan.manner))
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
        KeyMaker::new(&self.plan.key(self.purpose.as_ref()))
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
    pub(super) fn cut(&mut self, place: usize, input: EmbedInput, units: &mut Vec<(Unit, EmbedInput)>) {
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
                let Some((units, request)) = self.request(group) else { continue };
                let (service, plan) = (self.service.clone(), Arc::clone(&self.plan));
                running.push(send(service, plan, Arc::clone(&self.gate), units, request));
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
}

//! From inputs to vectors: what is kept, who fetches what, and how it is cut.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedPurpose};
use bedrock_llm_schema::request::CacheUse;
use bedrock_llm_schema::tokens::of_text;
use bedrock_llm_schema::{EmbedRequest, Error, ErrorKind};
use futures_util::future::Either;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::EmbedService;
use super::blame::Blame;
use super::claim::{self, Waited, Waiter};
use super::long::LongText;
use super::plan::Plan;
use super::pool::Pool;
use super::rows::Rows;
use super::send::{Answer, send};
use super::unit::{Entry, Unit};
use crate::cache::{Key, KeyMaker, Known};
use crate::{EmbedCache, EmbedOutcome, EmbedUsage, Embeddings, FailedInput};

/// One list of inputs on its way.
pub(super) struct Run<T, S> {
    service: S,
    pub(super) plan: Arc<Plan>,
    gate: Arc<Semaphore>,
    pub(super) cache: Option<EmbedCache>,
    pub(super) purpose: Option<EmbedPurpose>,
    /// The index of the first input.
    pub(super) start: usize,
    pub(super) rows: Rows<T>,
    pub(super) failed: Vec<FailedInput>,
    pub(super) usage: EmbedUsage,
    /// What is open, and what was.
    pub(super) entries: Vec<Entry>,
    /// What is to be packed.
    pub(super) loose: Vec<(Unit, EmbedInput)>,
    /// What is to be sent.
    pub(super) queue: VecDeque<Vec<(Unit, EmbedInput)>>,
    /// What is to be waited for.
    pub(super) waiters: Vec<Waiter>,
    pub(super) blame: Blame,
    /// Why nothing more is sent.
    pub(super) over: Option<Error>,
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
            loose: Vec::new(),
            queue: VecDeque::new(),
            waiters: Vec::new(),
            blame: Blame::default(),
            over: None,
        }
    }

    /// Embeds inputs, the first of which has this index.
    pub(super) async fn embed(mut self, inputs: Vec<EmbedInput>, start: usize) -> EmbedOutcome<T> {
        self.start = start;
        self.rows = Rows::new(inputs.len());
        self.fetch(inputs.into_iter().enumerate().collect()).await;
        self.finish()
    }

    /// What becomes of inputs none of which could be sent.
    pub(super) fn nothing(mut self, inputs: Vec<EmbedInput>, start: usize, error: Error) -> EmbedOutcome<T> {
        self.start = start;
        let failed = inputs.into_iter().enumerate();
        let failed = failed
            .map(|(index, input)| FailedInput::new(start.saturating_add(index), input, error.duplicate()));
        self.failed = failed.collect();
        // it has the cause, which cannot be shared
        if let Some(first) = self.failed.first_mut() {
            first.error = error;
        }
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
    async fn fetch(&mut self, open: Vec<(usize, EmbedInput)>) {
        let keys = self.cache.as_ref().and_then(|_| self.keys());
        // of the keys that are not there yet
        let mut places: HashMap<Key, usize> = HashMap::new();
        for (index, input) in open {
            let key = keys.as_ref().and_then(|keys| keys.key(&input));
            if let Some(place) = key.and_then(|key| places.get(&key))
                && let Some(entry) = self.entries.get_mut(*place)
            {
                entry.indices.push(index);
                continue;
            }
            let place = self.entries.len();
            self.entries.push(Entry::new(index, key, self.plan.text_limits));
            let known = match (&self.cache, key) {
                (Some(cache), Some(key)) => cache.look(key),
                _ => None,
            };
            match known {
                Some(Known::Vector(kept)) => {
                    self.cache.iter().for_each(|cache| cache.count_hits(1));
                    self.take_kept(place, input, &kept);
                    continue;
                }
                Some(Known::Flight(flight)) => self.park(place, input, flight),
                None => self.cut_into_queue(place, input),
            }
            if let Some(key) = key {
                places.insert(key, place);
            }
        }
        drop(places);
        self.drive().await;
    }

    fn keys(&self) -> Option<KeyMaker> {
        KeyMaker::new(&self.plan.key(self.purpose.as_ref()))
    }

    /// Makes an input one or several units, as its limits and the policy want.
    pub(super) fn cut(&mut self, place: usize, input: EmbedInput, units: &mut Vec<(Unit, EmbedInput)>) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        let (limits, generation) = (entry.limits, entry.generation);
        let unit = |weight| Unit { entry: place, generation, weight };
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

    /// Packs what lies loose.
    fn enqueue(&mut self) {
        let limits = self.plan.call_limits;
        let loose = std::mem::take(&mut self.loose);
        self.queue.extend(limits.pack(loose, |(_, input)| limits.weigh(input)));
    }

    /// Sends what is queued and waits for others, until every entry is settled.
    ///
    /// Nothing is promised to others before its call has a place: who waits for this run waits for a call under way. It
    /// waits for others while its own calls are under way, so that two runs never wait for each other.
    async fn drive(&mut self) {
        let mut events = FuturesUnordered::new();
        let (mut calls, mut asks_for_place) = (0, false);
        loop {
            for waiter in self.waiters.drain(..) {
                let waited = waiter.wait();
                events.push(Either::Left(Either::Left(async move {
                    let (place, waited) = waited.await;
                    Event::Waited(place, waited)
                })));
            }
            self.give_up_if_over();
            let is_open = !self.queue.is_empty() || !self.loose.is_empty();
            if is_open && !asks_for_place && calls < self.plan.concurrency {
                asks_for_place = true;
                let place = claim::place(Arc::clone(&self.gate));
                events.push(Either::Left(Either::Right(async move { Event::Place(place.await) })));
            }
            match events.next().await {
                Some(Event::Waited(place, waited)) => self.waited(place, waited),
                Some(Event::Place(place)) => {
                    asks_for_place = false;
                    if let (Some(place), Some((units, request))) = (place, self.next_call()) {
                        calls += 1;
                        let call = send(self.service.clone(), Arc::clone(&self.plan), place, units, request);
                        events.push(Either::Right(async move { Event::Answered(call.await) }));
                    }
                }
                Some(Event::Answered((units, answer))) => {
                    calls -= 1;
                    match answer {
                        Answer::Came { response, inputs } => self.answered(units, response, inputs),
                        Answer::Failed { error, inputs } => {
                            self.refused(units.into_iter().zip(inputs).collect(), error);
                        }
                    }
                }
                None => return,
            }
        }
    }

    /// Fails what is not sent yet, once it is known that nothing would come of it.
    fn give_up_if_over(&mut self) {
        let Some(error) = self.over.as_ref().map(Error::duplicate) else { return };
        let queued = std::mem::take(&mut self.queue).into_iter().flatten();
        let open: Vec<_> = queued.chain(std::mem::take(&mut self.loose)).collect();
        for (unit, _) in &open {
            if let Some(entry) = self.entries.get_mut(unit.entry) {
                // who waits for it may fare better
                drop(entry.ticket.take());
            }
        }
        self.fail_all(open, error);
    }

    /// What is to be sent next, claimed and checked.
    fn next_call(&mut self) -> Option<(Vec<Unit>, EmbedRequest)> {
        self.enqueue();
        while let Some(group) = self.queue.pop_front() {
            let group = self.claim(group);
            if !group.is_empty()
                && let Some(call) = self.request(group)
            {
                return Some(call);
            }
        }
        None
    }
}

/// What a run waits for.
enum Event<A> {
    /// There is a place for a call.
    Place(Option<OwnedSemaphorePermit>),
    /// A call is over.
    Answered(A),
    /// Another's call is over, or the wait for it.
    Waited(usize, Waited),
}

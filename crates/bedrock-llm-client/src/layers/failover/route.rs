//! The way of one call from home to where it is answered.

use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::response::Move;
use bedrock_llm_schema::{
    AnsweredBy, Catalog, Error, ErrorKind, ModelId, Normalizer, Outcome, Request, Response, ThrottleScope,
};

use super::fence::{Fence, Place, region_of};
use super::fit;
use super::health::Health;
use super::table::{Verdict, verdict};
use super::warmth::Warmth;
use super::{FailoverConfig, FailoverTarget};
use crate::layers::by_target::is_answered_by_a_model;
use crate::layers::deadline;

type Rule = Arc<dyn Fn(&Error) -> Option<bool> + Send + Sync>;

/// What all services of one layer go by.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) config: FailoverConfig,
    pub(super) fence: Fence,
    pub(super) catalog: Option<Arc<Catalog>>,
    pub(super) normalizer: Normalizer,
    pub(super) rule: Option<Rule>,
}

/// What all services of one layer remember.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) health: Health,
    pub(super) warmth: Warmth,
}

/// One call that has somewhere to go.
pub(super) struct Route<R> {
    settings: Arc<Settings>,
    memory: Arc<Memory>,
    request: R,
    home: Place,
    current: Place,
    /// The target to be considered next.
    next: usize,
    moves: Vec<Move>,
    has_waited: bool,
}

/// What comes after a failure.
pub(super) enum Next<R> {
    /// Home again, after a while.
    Wait(Duration),
    /// There.
    Go(R),
    /// Nothing.
    End(Error),
}

impl Settings {
    pub(super) fn catalog(&self) -> &Catalog {
        self.catalog.as_deref().unwrap_or_else(|| Catalog::builtin())
    }

    fn place(&self, target: &FailoverTarget, home: &Place) -> Place {
        let region = match region_of(target) {
            Some(region) if Some(region) == self.config.home_region.as_deref() => None,
            Some(region) => Some(region.into()),
            None => home.region.clone(),
        };
        Place { model: target.model.as_ref().unwrap_or(&home.model).clone(), region }
    }

    fn verdict(&self, error: &Error) -> Verdict {
        let by_table = verdict(error, &self.config);
        match (self.rule.as_ref().and_then(|rule| rule(error)), by_table) {
            (Some(false), _) => Verdict::Stay,
            (Some(true), Verdict::Stay) => Verdict::Move,
            _ => by_table,
        }
    }
}

impl<R: Request> Route<R> {
    /// A way for this request.
    ///
    /// # Errors
    /// The request, where it has nowhere to go but home.
    pub(super) fn new(settings: &Arc<Settings>, memory: &Arc<Memory>, request: R) -> Result<Self, R> {
        let targets = request.model().map_or(&[][..], |model| settings.config.targets_of(model));
        if targets.is_empty() {
            return Err(request);
        }
        let Some(home) = Place::of(&request, &settings.config) else { return Err(request) };
        if targets.iter().all(|target| settings.place(target, &home) == home) {
            return Err(request);
        }
        let (settings, memory, current) = (Arc::clone(settings), Arc::clone(memory), home.clone());
        Ok(Self { settings, memory, request, home, current, next: 0, moves: Vec::new(), has_waited: false })
    }

    /// The first to ask: home, unless it cools down and another does not.
    pub(super) fn start(&mut self) -> R {
        if !self.is_cooling(&self.home) {
            return self.request.clone();
        }
        self.pass_over(&self.home.clone(), "it cools down after failures".to_owned());
        if let Some(request) = self.advance(None) {
            return request;
        }
        // nobody is better off
        self.moves.remove(0);
        self.request.clone()
    }

    /// The request at home, once more.
    pub(super) fn again(&self) -> R {
        self.request.clone()
    }

    /// What comes after the current one failed.
    pub(super) fn after(&mut self, error: Error) -> Next<R> {
        let Settings { config, .. } = &*self.settings;
        let verdict = self.settings.verdict(&error);
        note::<R>(&self.memory, &self.current, verdict, config);
        if verdict == Verdict::Stay || deadline::remaining() == Some(Duration::ZERO) {
            return Next::End(self.tried(error));
        }
        if let Some(wait) = self.wait_at_home(&error) {
            self.has_waited = true;
            tracing::debug!(model = %self.home.model, ?wait, "failover waits at home for a warm prompt cache");
            return Next::Wait(wait);
        }
        let than = (verdict == Verdict::MoveToLarger).then(|| self.current.model.clone());
        let left = self.moves.len();
        self.moves.push(Move::new(
            self.current.model.clone(),
            self.current.region.as_deref().map(str::to_owned),
            Some(error.kind().clone()),
            error.message(),
        ));
        match self.advance(than.as_ref()) {
            Some(request) => {
                tracing::debug!(from = %self.home, to = %self.current, kind = ?error.kind(), "failover moves on");
                Next::Go(request)
            }
            None => {
                // the error says itself what went wrong at the last one
                self.moves.remove(left);
                Next::End(self.tried(error))
            }
        }
    }

    /// Says who answered, and looks on until the end.
    pub(super) fn answered(self, answer: &mut R::Response) {
        let Self { settings, memory, request, current, moves, .. } = self;
        let region = current.region.as_deref().map(str::to_owned);
        answer.set_answered_by(AnsweredBy::new(current.model.clone(), region).after(moves));
        answer.on_end(move |end| {
            match end.outcome {
                Outcome::Failed(error) => {
                    note::<R>(&memory, &current, settings.verdict(error), &settings.config);
                }
                _ if is_answered_by_a_model(R::OPERATION) => memory.health.succeeded(&current),
                _ => {}
            }
            if let (Some(usage), Some(chat)) = (end.usage, request.chat()) {
                memory.warmth.note(chat, &current, usage);
            }
        });
    }

    /// How long to wait at home instead of moving on, if at all.
    fn wait_at_home(&self, error: &Error) -> Option<Duration> {
        let Settings { config, .. } = &*self.settings;
        let is_short = matches!(
            error.kind(),
            ErrorKind::Throttled(
                ThrottleScope::Requests | ThrottleScope::Tokens | ThrottleScope::Unspecified
            )
        );
        if !is_short || self.has_waited || self.current != self.home {
            return None;
        }
        let wait = error.retry_after().filter(|wait| *wait <= config.home_wait && !wait.is_zero())?;
        if deadline::remaining().is_some_and(|left| left <= wait) {
            return None;
        }
        let warm = self.memory.warmth.after(wait, self.request.chat()?, &self.home)?;
        let profile = self.settings.catalog().profile(&self.home.model);
        warm.is_worth(wait, &profile.prices, config.second_price).then_some(wait)
    }

    /// The request for the next target that takes it; those that do not are passed over.
    fn advance(&mut self, larger_than: Option<&ModelId>) -> Option<R> {
        loop {
            let settings = Arc::clone(&self.settings);
            let target = settings.config.targets_of(&self.home.model).get(self.next)?;
            self.next += 1;
            let place = settings.place(target, &self.home);
            let is_known =
                |it: &Move| it.model == place.model && it.region.as_deref() == place.region.as_deref();
            if place == self.home || self.moves.iter().any(is_known) {
                continue;
            }
            match self.admit(&place, larger_than) {
                Ok(request) => {
                    self.current = place;
                    return Some(request);
                }
                Err(reason) => self.pass_over(&place, reason),
            }
        }
    }

    /// The request for a place that can have it.
    fn admit(&self, place: &Place, larger_than: Option<&ModelId>) -> Result<R, String> {
        let Settings { config, fence, normalizer, .. } = &*self.settings;
        let catalog = self.settings.catalog();
        let region = place.region.as_deref().or(config.home_region.as_deref());
        fence.admits(&place.model, region, catalog).map_err(|outside| outside.to_string())?;
        if larger_than.is_some_and(|than| !fit::is_larger(&place.model, than, catalog)) {
            return Err("it is not known to take more input".to_owned());
        }
        let mut request = self.request.clone();
        request.set_model(place.model.clone());
        if place.region != self.home.region
            && let Some(region) = region
        {
            request.set_region(region);
            if request.region() != Some(region) {
                return Err("only a `Call` can be sent to another region".to_owned());
            }
        }
        if place.model != self.home.model {
            fit::takes(&self.request, &place.model, catalog, normalizer)?;
        }
        // last, since a place whose time is up takes one call as a probe
        if self.is_cooling(place) {
            return Err("it cools down after failures".to_owned());
        }
        Ok(request)
    }

    fn is_cooling(&self, place: &Place) -> bool {
        is_answered_by_a_model(R::OPERATION) && self.memory.health.is_cooling(place, &self.settings.config)
    }

    fn pass_over(&mut self, place: &Place, reason: String) {
        tracing::debug!(model = %place.model, region = place.region.as_deref(), reason, "failover passes it over");
        let region = place.region.as_deref().map(str::to_owned);
        self.moves.push(Move::new(place.model.clone(), region, None, reason));
    }

    /// The last error, with what was tried before and passed over.
    fn tried(&self, error: Error) -> Error {
        if self.moves.is_empty() {
            return error.with_model_if_none(&self.current.model);
        }
        let others: Vec<String> = self
            .moves
            .iter()
            .map(|it| {
                let region = it.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
                let why = it.error.as_ref().map_or(it.reason.as_str(), |kind| kind.as_str());
                format!("{}{region} ({why})", it.model)
            })
            .collect();
        let said = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
        let hint = format!("{said}failover also considered {}", others.join(", "));
        error.with_model_if_none(&self.current.model).with_hint(hint)
    }
}

/// Remembers a failure that counts against its place. Counts of tokens have troubles of their own.
fn note<R: Request>(memory: &Memory, place: &Place, verdict: Verdict, config: &FailoverConfig) {
    if is_answered_by_a_model(R::OPERATION) && matches!(verdict, Verdict::MoveAndMark | Verdict::MoveAndCool)
    {
        memory.health.failed(place, verdict == Verdict::MoveAndCool, config);
    }
}

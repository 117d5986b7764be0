//! [`Window`] and [`TokenBudget`]: how much stays.

use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::{Error, Message, TokenCount};

use super::{Draft, Importance, MemoryContext, ModelScorer, Strategy};

/// Keeps the last units.
///
/// A conversation may grow to half as many more before it is cut; what is pinned does not count.
///
/// ```
/// use bedrock_llm_agent::memory::Window;
///
/// let memory = Window::new(20); // cut to 20 units when there are more than 30
/// let exact = Window::new(20).grow_to(20); // cut in every turn: each is a new beginning, which no prompt cache has
/// # let _ = (memory, exact);
/// ```
#[derive(Debug, Clone)]
pub struct Window(Units);

#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    low: usize,
    high: usize,
}

impl Window {
    /// Keeps the last `units` units, at least 1.
    #[must_use]
    pub fn new(units: usize) -> Self {
        let low = units.max(1);
        Self(Units { low, high: low.saturating_add((low / 2).max(1)) })
    }

    /// Sets how many units there may be before all but the last ones go; not fewer than are kept.
    #[must_use]
    pub fn grow_to(mut self, units: usize) -> Self {
        self.0.high = units.max(self.0.low);
        self
    }

    /// Keeps as many units, but the ones that a function gives the highest scores. The last unit stays anyway.
    #[must_use]
    pub fn by_importance(self, score: impl Fn(&[Message]) -> f64 + Send + Sync + 'static) -> Importance {
        Importance::by_function(Limit::Units(self.0), score)
    }

    /// Keeps as many units, but the ones that a model holds most important.
    #[must_use]
    pub fn by_importance_of(self, scorer: ModelScorer) -> Importance {
        Importance::by_model(Limit::Units(self.0), scorer)
    }
}

impl Strategy for Window {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        cut_oldest(&Limit::Units(self.0), draft, context, "window");
        Ok(())
    }
}

/// Keeps a conversation within a number of tokens: its oldest units go.
///
/// Tokens are [estimated](bedrock_llm_schema::tokens), each turn once, and taken with care: see [`TokenCount::range`]. More is
/// taken out than must be, so that the next cut is some turns away: see [`trim_to`](Self::trim_to). The last unit and what
/// is pinned stay, also where they alone are too large.
///
/// ```
/// use bedrock_llm_agent::memory::TokenBudget;
///
/// let memory = TokenBudget::new(8_000); // cut to 6,000 tokens when there are more than 8,000
/// let window = TokenBudget::of_window().trim_to(0.5);
/// # let _ = (memory, window);
/// ```
#[derive(Debug, Clone)]
pub struct TokenBudget(Tokens);

#[derive(Debug, Clone)]
pub(super) struct Tokens {
    most: Option<u64>,
    trim_to: f64,
    measure: Option<Measure>,
}

impl TokenBudget {
    /// Keeps a conversation within so many tokens, whatever its model.
    #[must_use]
    pub fn new(tokens: u64) -> Self {
        Self(Tokens { most: Some(tokens), trim_to: 0.75, measure: None })
    }

    /// Keeps a conversation within its model's window, less what is [reserved](MemoryContext::reserved). Where the window
    /// is not known, nothing goes.
    #[must_use]
    pub fn of_window() -> Self {
        Self(Tokens { most: None, trim_to: 0.75, measure: None })
    }

    /// Sets how much is left of a conversation that was too large, as a share of what it may have: 0 to 1, 0.75 where
    /// nothing is said.
    #[must_use]
    pub fn trim_to(mut self, share: f64) -> Self {
        self.0.trim_to = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
        self
    }

    /// Counts by another measure than the model's tokens, and takes it as exact.
    #[must_use]
    pub fn measured_by(mut self, measure: Measure) -> Self {
        self.0.measure = Some(measure);
        self
    }

    /// Keeps as many tokens, but those of the units that a function gives the highest scores.
    #[must_use]
    pub fn by_importance(self, score: impl Fn(&[Message]) -> f64 + Send + Sync + 'static) -> Importance {
        Importance::by_function(Limit::Tokens(self.0), score)
    }

    /// Keeps as many tokens, but those of the units that a model holds most important.
    #[must_use]
    pub fn by_importance_of(self, scorer: ModelScorer) -> Importance {
        Importance::by_model(Limit::Tokens(self.0), scorer)
    }
}

impl Strategy for TokenBudget {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        cut_oldest(&Limit::Tokens(self.0.clone()), draft, context, "token_budget");
        Ok(())
    }
}

fn cut_oldest(limit: &Limit, draft: &mut Draft<'_>, context: &MemoryContext<'_>, strategy: &str) {
    if let Some(excess) = limit.excess(draft, context) {
        let oldest_first = draft.candidates();
        excess.cut(draft, oldest_first, strategy);
    }
}

/// How much stays.
#[derive(Debug, Clone)]
pub(super) enum Limit {
    Units(Units),
    Tokens(Tokens),
}

impl Limit {
    /// What is too much; `None` where nothing is. In a conversation that is within its limit that is found without a look
    /// at more than the new turns.
    pub(super) fn excess(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Option<Excess> {
        match self {
            Self::Units(units) => {
                let pinned = draft.pinned_at_most();
                if draft.unit_count() <= units.high.saturating_add(pinned) {
                    return None;
                }
                let left = draft.candidates().len() + 1;
                (left > units.high).then_some(Excess::Units { left, low: units.low })
            }
            Self::Tokens(tokens) => tokens.excess(draft, context),
        }
    }
}

impl Tokens {
    fn excess(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Option<Excess> {
        let profile = context.profile;
        let most = self.most.or_else(|| {
            let window = profile.max_input_tokens?;
            Some(window - context.reserved.min(window / 2))
        })?;
        let (measure, is_estimate) = match &self.measure {
            Some(measure) => (measure.clone(), false),
            None => (Measure::tokens(profile.base_model.as_ref().unwrap_or(&profile.id)), true),
        };
        let left = draft.size(&measure);
        let low = (most as f64 * self.trim_to) as u64;
        let excess = Excess::Tokens { left, low, measure, is_estimate };
        (excess.size() > most).then_some(excess)
    }
}

/// What is too much, while it goes.
#[derive(Debug)]
pub(super) enum Excess {
    Units { left: usize, low: usize },
    Tokens { left: u64, low: u64, measure: Measure, is_estimate: bool },
}

impl Excess {
    /// Takes out units in this order until what is left is little enough.
    pub(super) fn cut(
        mut self,
        draft: &mut Draft<'_>,
        order: impl IntoIterator<Item = usize>,
        strategy: &str,
    ) {
        for unit in order {
            if self.is_met() {
                break;
            }
            match &mut self {
                Self::Units { left, .. } => *left = left.saturating_sub(1),
                Self::Tokens { left, measure, .. } => {
                    *left = left.saturating_sub(draft.removable(unit, measure));
                }
            }
            draft.remove(unit, strategy);
        }
    }

    fn is_met(&self) -> bool {
        match self {
            Self::Units { left, low } => left <= low,
            Self::Tokens { low, .. } => self.size() <= *low,
        }
    }

    /// The tokens that are left: an estimate is taken with care.
    fn size(&self) -> u64 {
        match self {
            Self::Units { .. } => 0,
            Self::Tokens { left, is_estimate: true, .. } => *TokenCount::Estimated(*left).range().end(),
            Self::Tokens { left, .. } => *left,
        }
    }
}

//! [`Importance`]: the least important units go first.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::{Error, Message};

use super::limit::Limit;
use super::{Draft, MemoryContext, ModelScorer, Strategy};

/// Keeps as much as a [`Window`](super::Window) or a [`TokenBudget`](super::TokenBudget) does, but the units with the highest
/// scores. Of units with one score the older goes first. The last unit has none: it stays.
///
/// Scores are asked for when there is too much, not in every turn.
///
/// ```
/// use bedrock_llm_agent::memory::{ModelScorer, TokenBudget, Window};
///
/// // answers with code, and what was said lately
/// let code = Window::new(20)
///     .by_importance(|unit| f64::from(u8::from(unit.iter().any(|turn| turn.text().contains("```")))))
///     .recency(0.5);
/// let judged = TokenBudget::new(8_000).by_importance_of(ModelScorer::by("us.amazon.nova-micro-v1:0"));
/// # let _ = (code, judged);
/// ```
#[derive(Clone)]
pub struct Importance {
    limit: Limit,
    scorer: Scorer,
    recency: f64,
}

type Score = dyn Fn(&[Message]) -> f64 + Send + Sync;

#[derive(Clone)]
enum Scorer {
    Function(Arc<Score>),
    Model(ModelScorer),
}

impl Importance {
    pub(super) fn by_function(
        limit: Limit,
        score: impl Fn(&[Message]) -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self { limit, scorer: Scorer::Function(Arc::new(score)), recency: 0.0 }
    }

    pub(super) fn by_model(limit: Limit, scorer: ModelScorer) -> Self {
        Self { limit, scorer: Scorer::Model(scorer), recency: 0.0 }
    }

    /// Sets what is added to the score of the newest unit that may go; older ones get less, in even steps, and the oldest
    /// nothing. 0 where nothing is said. A model's scores are from 0 to 1.
    #[must_use]
    pub fn recency(mut self, weight: f64) -> Self {
        self.recency = if weight.is_finite() { weight } else { 0.0 };
        self
    }

    /// `None` where there are no scores to go by.
    async fn scores(
        &self,
        draft: &mut Draft<'_>,
        units: &[usize],
        context: &MemoryContext<'_>,
    ) -> Result<Option<Vec<f64>>, Error> {
        match &self.scorer {
            Scorer::Function(score) => {
                // what is no number is no score
                let score = |unit: &usize| Some(score(&draft.unit(*unit))).filter(|it| !it.is_nan());
                Ok(Some(units.iter().map(|unit| score(unit).unwrap_or_default()).collect()))
            }
            Scorer::Model(scorer) => scorer.scores(draft, units, context).await,
        }
    }
}

impl Strategy for Importance {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        let Some(excess) = self.limit.excess(draft, context) else { return Ok(()) };
        let units = draft.candidates();
        if units.is_empty() {
            return Ok(());
        }
        let mut order: Vec<(usize, f64)> = match self.scores(draft, &units, context).await? {
            Some(scores) => {
                let steps = units.len().saturating_sub(1).max(1) as f64;
                let scored = units.iter().zip(scores).enumerate();
                scored
                    .map(|(place, (unit, score))| (*unit, score + self.recency * place as f64 / steps))
                    .collect()
            }
            None => units.into_iter().map(|unit| (unit, 0.0)).collect(),
        };
        // stable: of equals the older goes first
        order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        excess.cut(draft, order.into_iter().map(|(unit, _)| unit), "importance");
        Ok(())
    }
}

impl fmt::Debug for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Importance");
        debug.field("limit", &self.limit).field("recency", &self.recency);
        match &self.scorer {
            Scorer::Function(_) => debug.finish_non_exhaustive(),
            Scorer::Model(scorer) => debug.field("scorer", scorer).finish(),
        }
    }
}

//! Sizes of turns, counted once for each.

use std::fmt;
use std::sync::Arc;

use super::Conversation;
use super::summary::summary_of;
use crate::tokens::Weights;
use crate::{Message, ModelId, Role};

/// The most measures of which a conversation remembers what they counted.
const MOST: usize = 8;

/// How turns are counted: by tokens, or by what a function says. Clones are one measure.
///
/// A conversation remembers what a measure said of a turn: see [`Conversation::sizes`].
#[derive(Clone)]
pub struct Measure(Kind);

#[derive(Clone)]
enum Kind {
    Tokens(Weights),
    By(Arc<dyn Fn(&Message) -> u64 + Send + Sync>),
}

impl Measure {
    /// By the tokens that a turn is for a model, [estimated](crate::tokens).
    #[must_use]
    pub fn tokens(model: &ModelId) -> Self {
        Self(Kind::Tokens(Weights::of(model)))
    }

    /// By a function, which is not shown a [`summary`](Conversation::summary).
    #[must_use]
    pub fn by(count: impl Fn(&Message) -> u64 + Send + Sync + 'static) -> Self {
        Self(Kind::By(Arc::new(count)))
    }

    /// The size of a turn that may yet come last in a conversation.
    #[must_use]
    pub fn of(&self, message: &Message) -> u64 {
        self.count(message, false).now
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Tokens(weights), Kind::Tokens(other)) => weights == other,
            (Kind::By(count), Kind::By(other)) => Arc::ptr_eq(count, other),
            _ => false,
        }
    }

    fn count(&self, message: &Message, bears_summary: bool) -> Sums {
        let alike = |size| (size, size);
        let (now, earlier) = match &self.0 {
            Kind::Tokens(weights) => (weights.turn(message), weights.earlier_turn(message)),
            Kind::By(count) if bears_summary => {
                let mut own = message.clone();
                own.content.remove(0);
                alike(count(&own))
            }
            Kind::By(count) => alike(count(message)),
        };
        Sums { now, earlier, system: if message.role == Role::System { earlier } else { 0 } }
    }
}

impl fmt::Debug for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Tokens(_) => "Measure(tokens)",
            Kind::By(_) => "Measure(by a function)",
        })
    }
}

/// Sizes of turns from the first one on.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Sums {
    /// In the unit that is the last.
    now: u64,
    /// In others: some models forget what they thought then.
    earlier: u64,
    /// Of turns of the system alone.
    system: u64,
}

impl Sums {
    // sizes may be anything that a function says, and what is taken away was added before
    fn plus(self, other: Self) -> Self {
        Self {
            now: self.now.wrapping_add(other.now),
            earlier: self.earlier.wrapping_add(other.earlier),
            system: self.system.wrapping_add(other.system),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            now: self.now.wrapping_sub(other.now),
            earlier: self.earlier.wrapping_sub(other.earlier),
            system: self.system.wrapping_sub(other.system),
        }
    }
}

/// The first turns together.
fn up_to(sums: &[Sums], turns: usize) -> Sums {
    turns.checked_sub(1).and_then(|last| sums.get(last)).copied().unwrap_or_default()
}

/// What a measure said of the first turns.
#[derive(Clone)]
pub(super) struct Measured {
    measure: Measure,
    /// Up to each turn, and with it.
    sums: Vec<Sums>,
}

impl Measured {
    /// This turn and those after it have changed.
    pub(super) fn forget_from(&mut self, turn: usize) {
        self.sums.truncate(turn);
    }

    /// Turns have gone: `origins` says which the others were.
    pub(super) fn follow(&mut self, messages: &[Message], origins: &[Option<usize>]) {
        let mut sums = Vec::with_capacity(origins.len());
        let mut sum = Sums::default();
        for (message, origin) in messages.iter().zip(origins) {
            let size = match origin {
                Some(turn) if *turn < self.sums.len() => self.size(*turn),
                // the rest is counted when it is asked for
                Some(_) => break,
                None => self.measure.count(message, false),
            };
            sum = sum.plus(size);
            sums.push(sum);
        }
        self.sums = sums;
    }

    fn size(&self, turn: usize) -> Sums {
        up_to(&self.sums, turn + 1).minus(up_to(&self.sums, turn))
    }
}

impl Conversation {
    /// The sizes of the units by a measure. A turn is counted when it is asked for the first time, and not again, however
    /// often this is called while the conversation grows and is cut.
    ///
    /// ```
    /// use bedrock_llm_schema::conversation::Measure;
    /// use bedrock_llm_schema::{Conversation, Message};
    ///
    /// let mut conversation = Conversation::new();
    /// conversation.push("How are you?")?;
    /// conversation.push(Message::assistant("Well."))?;
    /// conversation.push("Fine.")?;
    /// let sizes = conversation.sizes(&Measure::by(|message| message.text().len() as u64));
    /// assert_eq!((sizes.total(), sizes.of(0), sizes.of(1)), (22, 17, 5));
    /// # Ok::<(), bedrock_llm_schema::conversation::ConversationError>(())
    /// ```
    pub fn sizes(&mut self, measure: &Measure) -> Sizes<'_> {
        let place = match self.measured.iter().position(|it| it.measure.is(measure)) {
            Some(place) => place,
            None => {
                if self.measured.len() >= MOST {
                    self.measured.remove(0);
                }
                self.measured.push(Measured { measure: measure.clone(), sums: Vec::new() });
                self.measured.len().saturating_sub(1)
            }
        };
        let first = self.first_of_user();
        let Self { messages, starts, measured } = self;
        let mut sums: &[Sums] = &[];
        if let Some(measured) = measured.get_mut(place) {
            let counted = measured.sums.len();
            let mut sum = up_to(&measured.sums, counted);
            for (turn, message) in messages.iter().enumerate().skip(counted) {
                let bears_summary = Some(turn) == first && summary_of(message).is_some();
                sum = sum.plus(measured.measure.count(message, bears_summary));
                measured.sums.push(sum);
            }
            sums = &measured.sums;
        }
        Sizes { sums, starts }
    }

    /// Counts a turn once more, which has changed.
    pub(super) fn measure_again(&mut self, turn: usize) {
        let Some(message) = self.messages.get(turn) else { return };
        let bears_summary = Some(turn) == self.first_of_user() && summary_of(message).is_some();
        for measured in self.measured.iter_mut().filter(|measured| turn < measured.sums.len()) {
            let (old, new) = (measured.size(turn), measured.measure.count(message, bears_summary));
            measured.sums.iter_mut().skip(turn).for_each(|sum| *sum = sum.minus(old).plus(new));
        }
    }
}

/// The sizes of a conversation's units.
#[derive(Clone, Copy)]
pub struct Sizes<'a> {
    sums: &'a [Sums],
    starts: &'a [usize],
}

impl Sizes<'_> {
    /// All units together.
    #[must_use]
    pub fn total(&self) -> u64 {
        let last = self.starts.last().copied().unwrap_or_default();
        up_to(self.sums, last).earlier.wrapping_add(self.of(self.starts.len().saturating_sub(1)))
    }

    /// A unit, by its number from 0; 0 where there is none.
    #[must_use]
    pub fn of(&self, unit: usize) -> u64 {
        let size = self.unit(unit);
        if unit + 1 == self.starts.len() { size.now } else { size.earlier }
    }

    /// What goes with a unit that is taken out before others: all but turns of the system.
    #[must_use]
    pub fn removable(&self, unit: usize) -> u64 {
        let size = self.unit(unit);
        size.earlier.wrapping_sub(size.system)
    }

    fn unit(&self, unit: usize) -> Sums {
        let Some(start) = self.starts.get(unit) else { return Sums::default() };
        let end = self.starts.get(unit + 1).copied().unwrap_or(self.sums.len());
        up_to(self.sums, end).minus(up_to(self.sums, *start))
    }
}

impl fmt::Debug for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.starts.len()).map(|unit| self.of(unit))).finish()
    }
}

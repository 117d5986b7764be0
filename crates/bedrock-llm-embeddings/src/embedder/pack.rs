//! What goes together in one call.

use bedrock_llm_schema::content::media::MediaSource;
use bedrock_llm_schema::embed::EmbedInput;
use bedrock_llm_schema::tokens::of_text;

/// The most bytes of one call's texts and images: InvokeModel takes bodies of 25 000 000 bytes, of which some are for JSON's
/// escapes and names. <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>
const BYTES: u64 = 20_000_000;

/// How much one call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallLimits {
    pub(super) inputs: u64,
    pub(super) images: u64,
    /// Of all texts, by estimate; `None` where that is not limited.
    pub(super) tokens: Option<u64>,
}

/// What an input takes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    kind: Kind,
    images: u64,
    tokens: u64,
    bytes: u64,
}

/// Inputs of different kinds lie in different members of a request's body, of which some models take one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Image,
    Mixed,
}

impl CallLimits {
    pub(super) fn weigh(&self, input: &EmbedInput) -> Weight {
        let kind = match input {
            EmbedInput::Text(_) => Kind::Text,
            EmbedInput::Image(_) => Kind::Image,
            _ => Kind::Mixed,
        };
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let images = input.images().map(|image| {
            // as base64; one in Amazon S3 is no part of the body
            let MediaSource::Bytes(bytes) = &image.source else { return 0 };
            wide(bytes.as_bytes().len()).div_ceil(3).saturating_mul(4)
        });
        let texts: u64 = input.texts().map(|text| wide(text.len())).sum();
        Weight {
            kind,
            images: wide(input.images().count()),
            // counted only where it matters
            tokens: self.tokens.map_or(0, |_| input.texts().map(of_text).sum()),
            bytes: images.sum::<u64>().saturating_add(texts),
        }
    }

    /// Groups that each fit into one call, in order; within a group too. What fits nowhere goes alone.
    pub(super) fn pack<U>(
        &self,
        units: impl IntoIterator<Item = U>,
        weigh: impl Fn(&U) -> Weight,
    ) -> Vec<Vec<U>> {
        let mut groups: Vec<Vec<U>> = Vec::new();
        // of each kind one group is open: its place, and what it holds
        let mut open: [Option<(usize, Load)>; 3] = [None; 3];
        for unit in units {
            let weight = weigh(&unit);
            let load = Load::of(weight);
            let kind = match weight.kind {
                Kind::Text => 0,
                Kind::Image => 1,
                Kind::Mixed => 2,
            };
            let Some(open) = open.get_mut(kind) else { continue };
            let both = open.map(|(place, held)| (place, held.and(load))).filter(|(_, both)| both.fits(self));
            if let Some((place, both)) = both
                && let Some(group) = groups.get_mut(place)
            {
                group.push(unit);
                *open = Some((place, both));
            } else {
                *open = Some((groups.len(), load));
                groups.push(vec![unit]);
            }
        }
        groups
    }
}

/// What a group holds.
#[derive(Debug, Clone, Copy)]
struct Load {
    inputs: u64,
    images: u64,
    tokens: u64,
    bytes: u64,
}

impl Load {
    fn of(weight: Weight) -> Self {
        Self { inputs: 1, images: weight.images, tokens: weight.tokens, bytes: weight.bytes }
    }

    fn and(self, other: Self) -> Self {
        Self {
            inputs: self.inputs.saturating_add(other.inputs),
            images: self.images.saturating_add(other.images),
            tokens: self.tokens.saturating_add(other.tokens),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn fits(&self, limits: &CallLimits) -> bool {
        self.inputs <= limits.inputs
            && self.images <= limits.images
            && limits.tokens.is_none_or(|most| self.tokens <= most)
            && self.bytes <= BYTES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weight() -> impl Strategy<Value = Weight> {
        let kind = prop_oneof![4 => Just(Kind::Text), 1 => Just(Kind::Image), 1 => Just(Kind::Mixed)];
        (kind, 0u64..4, 0u64..60, 0u64..9_000_000).prop_map(|(kind, images, tokens, bytes)| Weight {
            kind,
            images: if kind == Kind::Text { 0 } else { images },
            tokens,
            bytes,
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_limits_are_kept(
            weights in prop::collection::vec(weight(), 0..120),
            inputs in 1u64..20,
            images in 0u64..4,
            tokens in prop::option::of(1u64..200),
        ) {
            let limits = CallLimits { inputs, images, tokens };
            let groups = limits.pack(weights.iter().enumerate(), |(_, weight)| **weight);
            let mut places: Vec<_> = groups.iter().flatten().map(|(place, _)| *place).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..weights.len()).collect::<Vec<_>>());
            let firsts: Vec<_> = groups.iter().map(|group| group[0].0).collect();
            prop_assert!(firsts.is_sorted());
            for group in &groups {
                prop_assert!(group.is_sorted_by_key(|(place, _)| *place));
                prop_assert!(group.iter().all(|(_, weight)| weight.kind == group[0].1.kind));
                let load = group.iter().map(|(_, weight)| Load::of(**weight)).reduce(Load::and).unwrap();
                prop_assert!(group.len() == 1 || load.fits(&limits), "{:?} in {:?}", load, limits);
            }
        }

        #[test]
        fn texts_alone_fill_their_calls(count in 0usize..500, inputs in 1u64..100) {
            let limits = CallLimits { inputs, images: 1, tokens: None };
            let weight = limits.weigh(&"text".into());
            let groups = limits.pack(0..count, |_| weight);
            prop_assert_eq!(groups.len(), count.div_ceil(usize::try_from(inputs).unwrap()));
        }
    }
}

//! Several nodes for one item, all at once.

use futures_util::future::{try_join, try_join3, try_join4};

use super::part::{Nodes, Part};
use crate::pipeline::Linked;
use crate::plan::Plan;
use crate::stage::{Chain, Segment, Stage};
use crate::{BoxError, Node, Pipeline};

/// A node that gives each item to several others; see [`join`].
#[derive(Debug)]
pub struct Join<P>(P);

/// A node that keeps the item beside what another gives for it; see [`zip`].
#[derive(Debug)]
pub struct Zip<N>(N);

/// A node that gives each item to two, three or four nodes, all at once, and gives what they give as a tuple.
///
/// The first failure is the item's, and the others are dropped. Errors and statistics name the nodes by their places:
/// `join/1`, `join/2`.
///
/// ```
/// use bedrock_llm_pipeline::{BoxError, Pipeline, join, map_fn, node_fn};
///
/// async fn summary(text: String) -> Result<String, BoxError> {
///     Ok(text.chars().take(5).collect())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let both = Pipeline::new().node(join((node_fn(summary), map_fn(|text: String| text.len()))));
/// assert_eq!(both.execute("hello world".to_owned()).await?, ("hello".to_owned(), 11));
/// # Ok(())
/// # }
/// ```
pub fn join<T: Nodes>(nodes: T) -> Join<T::Parts> {
    Join(nodes.parts())
}

/// A node that gives each item to another and gives both: the item, and what the other gives for it.
///
/// ```
/// use bedrock_llm_pipeline::{Pipeline, map_fn, zip};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let measured = Pipeline::new().node(zip(map_fn(|text: &str| text.len())));
/// assert_eq!(measured.execute("tea").await?, ("tea", 3));
/// # Ok(())
/// # }
/// ```
pub const fn zip<N>(node: N) -> Zip<N> {
    Zip(node)
}

macro_rules! joined {
    ($join:ident: $($first:ident $first_out:ident $first_part:ident),+; $last:ident $last_out:ident $last_part:ident) => {
        impl<In, $($first, $first_out,)+ $last, $last_out> Node<In, ($($first_out,)+ $last_out)>
            for Join<($(Part<$first>,)+ Part<$last>)>
        where
            In: Clone + Send,
            $($first: Node<In, $first_out>, $first_out: Send,)+
            $last: Node<In, $last_out>,
            $last_out: Send,
        {
            async fn call(&self, input: In) -> Result<($($first_out,)+ $last_out), BoxError> {
                let Self(($($first_part,)+ $last_part)) = self;
                $(let $first_part = $first_part.call(input.clone());)+
                $join($($first_part,)+ $last_part.call(input)).await
            }

            fn inside(&self) -> Vec<Plan> {
                let Self(($($first_part,)+ $last_part)) = self;
                vec![$($first_part.plan::<In, $first_out>(),)+ $last_part.plan::<In, $last_out>()]
            }

            fn kind(&self) -> &'static str {
                "join"
            }
        }
    };
}

joined!(try_join: A X a; B Y b);
joined!(try_join3: A X a, B Y b; C Z c);
joined!(try_join4: A X a, B Y b, C Z c; D W d);

impl<In, Out, N> Node<In, (In, Out)> for Zip<N>
where
    N: Node<In, Out>,
    In: Clone + Send,
    Out: Send,
{
    async fn call(&self, input: In) -> Result<(In, Out), BoxError> {
        let given = self.0.call(input.clone()).await?;
        Ok((input, given))
    }

    fn inside(&self) -> Vec<Plan> {
        self.0.inside()
    }

    fn kind(&self) -> &'static str {
        "zip"
    }
}

impl<In, Mid, A, C, Out> Pipeline<In, Out, Segment<A, C, Mid>>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Clone + Send + 'static,
{
    /// Adds nodes that have each item all at once, and gives what they give as a tuple; see [`join`].
    pub fn join<T, Next>(self, nodes: T) -> Linked<In, Next, A, Mid, C, Join<T::Parts>, Out>
    where
        T: Nodes,
        Join<T::Parts>: Node<Out, Next>,
    {
        self.node(join(nodes))
    }

    /// Adds a node and gives each item beside what the node gives for it; see [`zip`].
    pub fn zip<N, Next>(self, node: N) -> Linked<In, (Out, Next), A, Mid, C, Zip<N>, Out>
    where
        N: Node<Out, Next>,
        Next: Send + 'static,
    {
        self.node(zip(node))
    }
}
